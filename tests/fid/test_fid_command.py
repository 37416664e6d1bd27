"""clbench fid: sets of images of every form, one line or JSON, notes where numbers do not compare."""

import json
import re
import shlex

import numpy as np
import pytest
import torch
from command_line import ROOT, clbench
from embedded_digits import digits
from PIL import Image

from clbench.analysis.images.sets import Reading, read
from clbench.datasets.image_tree import pictures_of
from clbench.datasets.tree import Tree
from clbench.models.features import inception, lenet

pytestmark = pytest.mark.usefixtures("quick")
LENET = ("--features", "lenet")
README = (ROOT / "clbench" / "scores" / "fid" / "README.md").read_text()


def write(folder, images, labels=None, colour=False) -> None:
    """uint8 [N, 1, 8, 8] as PNGs, in a folder a class where there are labels."""
    for n, image in enumerate(images[:, 0].numpy()):
        part = folder if labels is None else folder / f"class {int(labels[n])}"
        part.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.stack([image] * 3, 2) if colour else image).save(part / f"{n:04d}.png")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with sets of images."""
    here = tmp_path / "work"
    images, labels = digits(0, 400)
    write(here / "plain", images[:60])
    write(here / "colour", images[:60], colour=True)
    write(here / "classes", images, labels)
    np.savez(here / "x.npz", x=images[60:200, 0].numpy())
    np.savez(here / "xy.npz", x=images[:60].movedim(1, -1).numpy(), y=labels[:60].numpy())
    parts = {"x_train": images[:300, 0].numpy(), "y_train": labels[:300].numpy()}
    np.savez(here / "own.npz", **parts, x_test=images[300:, 0].numpy(), y_test=labels[300:].numpy())
    monkeypatch.chdir(here)
    return here


def measured(*words) -> dict:
    ran = clbench("fid", *words, "--json")
    assert ran.code == 0, ran
    return json.loads(ran.out)


def test_one_line_says_the_distance_and_what_it_is_of(folder):
    ran = clbench("fid", "digits:train", "plain", *LENET)

    assert ran.code == 0
    [line] = ran.out.splitlines()
    pattern = (
        r"FID-lenet [\d.]+ \(1,442 of digits:train and 60 of plain; "
        r"features: lenet [0-9a-f]{12} of digits, which reads \d+\.\d% rightly\)"
    )
    assert re.fullmatch(pattern, line)
    assert "FID " not in line
    assert "note: 1,442 images and 60: fewer images make FID-lenet larger" in ran.err
    assert "FID-lenet is no FID" in ran.err
    assert "features of 1,442 images" in ran.err


def test_quiet_prints_the_line_alone(folder):
    ran = clbench("fid", "digits", "plain", *LENET, "--quiet")

    assert (ran.code, ran.err, len(ran.out.splitlines())) == (0, "", 1)


def test_json_says_all_and_the_same_twice(folder):
    words = ("digits:train", "digits:test", *LENET, "--count", "350", "--seed", "3", "--precision-recall", "--kid")
    found = measured(*words)

    assert found["score"] == "FID-lenet"
    assert found["value"] > 0
    assert found["a"] == {"name": "digits:train", "images": 350, "shape": [1, 8, 8]}
    assert found["features"]["trained_on"] == "digits"
    assert found["features"]["accuracy"] > 0.5
    assert len(found["features"]["sha256"]) == 64
    assert set(found["kid"]) == {"mean", "deviation", "subsets", "subset"}
    assert 0 < found["precision"] <= 1
    assert 0 < found["recall"] <= 1
    assert not [note for note in found["notes"] if "and 350" in note]
    assert measured(*words) == found
    assert measured(*words[:-3], "4")["value"] != found["value"]


def test_a_set_is_nearest_to_itself_in_every_form(folder):
    """The same 60 images as a folder, in colour, with classes and as arrays."""
    on = (*LENET, "--trained-on", "digits")
    for other in ("plain", "./plain", "colour", "xy.npz"):
        assert measured("plain", other, *on)["value"] == pytest.approx(0, abs=1e-3)
    assert measured("plain", "x.npz", *on)["value"] > 0.1


def test_parts_of_a_set(folder):
    found = measured("own.npz:train", "own.npz", "--split", "test", *LENET)

    assert (found["a"]["images"], found["b"]["images"]) == (300, 100)
    assert found["features"]["trained_on"] == "own.npz"


def test_the_lenet_learns_what_has_labels(folder):
    assert measured("classes", "plain", *LENET)["features"]["trained_on"] == "classes"
    assert measured("plain", "classes", *LENET)["features"]["trained_on"] == "classes"
    assert measured("classes", "plain", *LENET, "--trained-on", "own.npz")["features"]["trained_on"] == "own.npz"
    error = clbench("fid", "plain", "x.npz", *LENET).line
    assert "neither plain nor x.npz has labels" in error
    assert "--trained-on" in error
    assert "x.npz: has no labels" in clbench("fid", "plain", "x.npz", *LENET, "--trained-on", "x.npz").line


def test_grey_and_colour(folder):
    images, labels = digits(0, 300)
    tinted = images.repeat(1, 3, 1, 1)
    tinted[:, 1] //= 2
    np.savez(folder / "tinted.npz", x=tinted.movedim(1, -1).numpy(), y=labels.numpy())

    found = measured("tinted.npz", "plain", *LENET)
    assert found["b"]["shape"] == [3, 8, 8]
    assert "plain is grey: shown as three channels" in found["notes"]
    error = clbench("fid", "plain", "tinted.npz", *LENET, "--trained-on", "digits").line
    assert "trained on grey images, and tinted.npz is in colour" in error


def test_sizes(folder):
    write(folder / "mixed", digits(0, 3)[0])
    Image.new("L", (9, 5)).save(folder / "mixed" / "9.png")
    Image.new("L", (12, 12)).save(folder / "plain" / "extra.png")

    error = clbench("fid", "digits", "mixed", *LENET).line
    assert "0000.png and 9.png differ in size (8x8 and 9x5); --size N" in error
    np.savez(folder / "large.npz", x=np.zeros((5, 12, 12), np.uint8))
    assert "8x8 and large.npz of 12x12" in clbench("fid", "digits", "large.npz", *LENET).line
    found = measured("digits", "plain", *LENET, "--size", "6")
    assert found["a"]["shape"] == found["b"]["shape"] == [1, 6, 6]
    assert [note for note in found["notes"] if "resized" in note]


def test_mistakes_end_in_one_line(folder):
    (folder / "empty").mkdir()
    write(folder / "one", digits(0, 1)[0])
    write(folder / "broken", digits(0, 3)[0])
    (folder / "broken" / "0001.png").write_bytes((folder / "broken" / "0001.png").read_bytes()[:60])
    np.savez(folder / "features.npz", x=np.ones((9, 3), np.float32))
    np.savez(folder / "other.npz", z=np.ones(3))
    np.savez(folder / "pickle.npz", x=np.array([{}], dtype=object), allow_pickle=True)
    (folder / "words.npz").write_text("no archive")

    for words, said in {
        ("nowhere", "plain"): "nowhere: no folder",
        ("./nowhere", "plain"): "./nowhere: no such file",
        ("plain", "empty"): "empty: holds no image",
        ("plain", "one"): "one: 1 image; a distance is of two or more",
        ("plain", "broken"): "broken/0001.png: broken image",
        ("plain", "features.npz"): "features, not images",
        ("plain", "other.npz"): "or x, images alone",
        ("plain", "pickle.npz"): "pickle",
        ("plain", "words.npz"): "not a readable .npz file",
        ("plain", "plain", "--count", "61"): "60 images, fewer than --count 61",
        ("plain", "plain", "--split", "tes"): "did you mean",
        ("plain", "plain", "--features", "lenets"): "did you mean",
        ("plain", "plain", "--size", "5000"): "1 to 1024",
        ("plain", "plain", "--trained-on", "digits"): "--trained-on is for --features lenet",
    }.items():
        more = () if "--features" in words or "--trained-on" in words else (*LENET, "--trained-on", "digits")
        assert said in clbench("fid", *words, *more).line
    weights = ("--fid-weights", "w.pth")
    assert "--fid-weights are Inception's" in clbench("fid", "plain", "plain", *LENET, *weights).line
    assert "w.pth: no such file" in clbench("fid", "plain", "plain", *weights).line
    infinite = ("--trained-on", "digits", "--infinity")
    assert "counts from 32 to 64 images; here are 60" in clbench("fid", "plain", "plain", *LENET, *infinite).line


def test_published_sets_are_measured_once_and_others_not_kept(folder, cache, monkeypatch):
    first = measured("digits:test", "plain", *LENET)
    kept = {path.name for path in cache.iterdir() if path.suffix != ".lock"}
    assert sorted(name.partition("-")[0] for name in kept) == ["lenet", "statistics"]

    seen = []
    call = lenet.LeNetFeatures.__call__
    monkeypatch.setattr(
        lenet.LeNetFeatures,
        "__call__",
        lambda self, x, advance=None: seen.append(len(x)) or call(self, x, advance),
    )
    assert measured("digits:test", "plain", *LENET) == first
    assert seen == [60]
    assert {path.name for path in cache.iterdir() if path.suffix != ".lock"} == kept


def test_inception_by_a_file_of_weights(folder, monkeypatch):
    """Its network alone is another, since the true one takes seconds an image."""

    def loaded(weights, device):
        def network(x):
            return [torch.stack([x.mean((2, 3)), x.std((2, 3))], 1).flatten(1)[..., None, None]]

        return inception.InceptionFeatures(network, 6, "0" * 64, torch.device(device))

    monkeypatch.setattr(inception, "loaded", loaded)
    found = measured("digits", "colour", "--fid-weights", "w.pth")

    assert found["score"] == "FID"
    assert found["features"] == {"name": "inception", "dimension": 6, "sha256": "0" * 64}
    assert "digits is grey: shown as three channels" in found["notes"]
    assert [note for note in found["notes"] if "not pytorch-fid's own" in note]
    assert clbench("fid", "digits", "colour").out.startswith("FID ")


def test_images_are_read_as_they_are(folder):
    """In the order of their names, with their classes' labels; drawn ones are some of them."""
    images, labels = digits(0, 400)
    plain = read("plain", Reading())
    assert plain.images.equal(images[:60])
    assert plain.labels is None
    classes = read("classes", Reading())
    names = [one.name for one in pictures_of(Tree(folder / "classes"))]
    rows = [int(name.rpartition("/")[2][:4]) for name in names]
    assert classes.images.equal(images[rows])
    assert classes.labels.equal(labels[rows])
    few = read("plain", Reading(count=10, seed=1)).images
    assert len(few) == 10
    assert {image.numpy().tobytes() for image in few} < {image.numpy().tobytes() for image in plain.images}


@pytest.mark.parametrize(
    "command", re.findall(r"^clbench fid .*", README.partition("```sh")[2].partition("```")[0], re.M)
)
def test_commands_of_the_readme_run(command, folder):
    (folder / "plain").rename(folder / "my_images")
    (folder / "x.npz").rename(folder / "my_samples.npz")

    ran = clbench(*shlex.split(command)[1:])
    assert ran.code == 0, ran
    assert "FID-lenet" in ran.out


def test_the_readme_s_python_runs(capsys):
    images, labels = digits(0, 300)
    code = README.partition("```python")[2].partition("```")[0]
    exec(code, {"images": images, "labels": labels, "samples": digits(300, 200)[0]})

    accuracy, distance = map(float, capsys.readouterr().out.split())
    assert 0.1 < accuracy <= 1
    assert distance > 0
