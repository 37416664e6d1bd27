"""python -m clbench, and the program `clbench`: Ctrl-C is seen to before anything is imported."""

from clbench.run import interrupt


def main() -> None:
    interrupt.begin()
    from clbench.cli import main as run

    try:
        run()
    finally:
        interrupt.leave()


if __name__ == "__main__":
    main()
