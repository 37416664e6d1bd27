"""A headless Chromium, spoken to over its pipe: what a page logs, answers and looks like."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

FOUND = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowDown": 40, "End": 35}


class Browser:
    """One page. `complaints` are the errors and warnings of its console, and what it failed to load."""

    def __init__(self, profile: Path) -> None:
        (to_read, self.to), (self.of, to_write) = os.pipe(), os.pipe()
        command = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        words = [str(FOUND), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        pipes, null = (to_read, to_write), subprocess.DEVNULL
        self.process = subprocess.Popen(["bash", "-c", command, *words], pass_fds=pipes, stdout=null, stderr=null)
        os.close(to_read)
        os.close(to_write)
        self.rest, self.asked, self.session = b"", 0, None
        self.complaints: list[str] = []
        self.events: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        """Asked to end, it ends its helpers first, which otherwise still write into the profile's folder."""
        with contextlib.suppress(OSError):
            os.write(self.to, json.dumps({"id": self.asked + 1, "method": "Browser.close"}).encode() + b"\0")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.of)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command of the DevTools protocol; events that come before it are taken note of."""
        self.asked += 1
        session = {"sessionId": self.session} if self.session else {}
        message = {"id": self.asked, "method": method, "params": parameters, **session}
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (answer := self.next()).get("id") != self.asked:
            self.note(answer)
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            more = os.read(self.of, 1 << 16)
            assert more, "the browser has gone"
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def note(self, event: dict[str, Any]) -> None:
        name, said = event.get("method", ""), event.get("params", {})
        self.events.append(name)
        requested = said.get("request", {}).get("url", "")
        if name == "Log.entryAdded" or name == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(said))
        if name == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(said["args"]))
        if name == "Network.requestWillBeSent" and not requested.startswith(("file:", "data:", "about:")):
            self.complaints.append(f"asked for {requested}")

    def open(self, page: Path, width: int, height: int = 900) -> None:
        """Load a file and wait until its load event; width and height in CSS pixels."""
        mobile = width < 600
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while "Page.loadEventFired" not in self.events:
            self.note(self.next())

    def value(self, script: str) -> Any:
        """What a JavaScript expression gives, awaited."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = self.ask("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def painted(self) -> None:
        """Two frames later: observers have been told what is in view, and have drawn it."""
        frame = (
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"
        )
        self.value(frame)

    def press(self, key: str) -> None:
        typed = {"text": "\r"} if key == "Enter" else {}
        self.ask(
            "Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=KEYS[key], **typed
        )
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=KEYS[key])

    def picture(self, path: Path, whole: bool = False) -> None:
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
