"""A LeNet for FID-lenet: it learns, the same data gives the same bits, and it is trained once."""

import subprocess
import sys

import pytest
import torch
from command_line import ROOT
from embedded_digits import digits

from clbench.errors import UserError
from clbench.models.features import cached_statistics, lenet
from clbench.scores import FID_LENET
from clbench.scores.fid.distance import frechet, statistics_of

TRAIN, TEST = digits(0, 1200), digits(1200, 500)


def made(cache=None, train=TRAIN, test=TEST):
    return lenet.trained(*train, cache, "cpu", *test)


def test_it_reads_digits_and_its_features_tell_good_images_from_bad():
    found = made()
    x = TEST[0]
    noisy = (x.float() + 60 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 255)
    features = found(x)

    assert found.accuracy > 0.9  # one in ten by chance; the classifiers of the literature have 0.97
    assert found.accuracy == float((found.say(x) == TEST[1]).float().mean())
    assert (features.dtype, tuple(features.shape)) == (torch.float32, (500, found.dimension))
    real = statistics_of(found(TRAIN[0][:500]))
    assert (
        3 * frechet(real, statistics_of(features)).value < frechet(real, statistics_of(found(noisy.byte()))).value
    )
    assert (found.name, found.score) == ("lenet", FID_LENET)
    assert FID_LENET.name == "FID-lenet"


def test_features_are_what_the_head_is_given(quick):
    found = made()
    x = TEST[0][:20]

    assert found.network.head(found(x)).argmax(1).tolist() == found.say(x).tolist()


def test_features_do_not_depend_on_the_images_around(quick, monkeypatch):
    found = made()
    whole = found(TEST[0])
    monkeypatch.setattr(lenet, "AT_ONCE", 7)

    torch.testing.assert_close(found(TEST[0]), whole)
    seen: list[int] = []
    found(TEST[0][:20], seen.append)
    assert seen == [7, 7, 6]


def test_the_same_data_gives_the_same_bits_whatever_runs_around_it(quick):
    first = made().sha256
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        torch.manual_seed(7)
        torch.set_flush_denormal(True)
        with torch.inference_mode():
            images, labels = TRAIN[0].clone(), TRAIN[1].clone()
            assert made(train=(images, labels)).sha256 == first
        assert torch.get_num_threads() == 2
        assert float(torch.tensor(1e-39) * 1) == 0
    finally:
        torch.set_num_threads(threads)
        torch.random.set_rng_state(state)
    assert made(train=(TRAIN[0].flip(0), TRAIN[1].flip(0))).sha256 != first


@pytest.mark.long
def test_another_process_gets_the_same_bits_and_no_global_generator_moves(quick):
    code = """
import sys; sys.path[:0] = ["tests/fid"]
import torch
from embedded_digits import QUICK, digits
from clbench.models.features import lenet
lenet.GREY = QUICK
before = torch.random.get_rng_state()
print(lenet.trained(*digits(0, 1200), None, "cpu", *digits(1200, 500)).sha256)
assert before.equal(torch.random.get_rng_state())
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout.split() == [made().sha256]


def test_it_is_trained_once(quick, cache, monkeypatch):
    first = made(cache)
    monkeypatch.setattr(lenet, "train", None)  # cannot be called
    again = made(cache)

    assert [path.suffix for path in sorted(cache.iterdir()) if path.suffix != ".lock"] == [".safetensors"]
    assert (again.sha256, again.accuracy) == (first.sha256, first.accuracy)
    assert again(TEST[0]).equal(first(TEST[0]))
    with pytest.raises(TypeError):  # other test images: another accuracy
        made(cache, test=digits(1200, 400))


@pytest.mark.parametrize("damage", ["cut", "a weight", "nothing"])
def test_a_damaged_file_is_trained_again(quick, cache, damage, capsys):
    first = made(cache)
    [path] = cache.glob("*.safetensors")
    whole = path.read_bytes()
    broken = {"cut": whole[:500], "a weight": whole[:-1] + bytes([whole[-1] ^ 1]), "nothing": b""}[damage]
    path.write_bytes(broken)

    assert made(cache).sha256 == first.sha256
    assert "damaged; it is trained again" in capsys.readouterr().err
    assert made(cache).sha256 == first.sha256
    assert "damaged" not in capsys.readouterr().err


def test_a_cache_that_takes_no_files_is_done_without(quick, tmp_path, capsys):
    blocked = tmp_path / "a file"
    blocked.write_text("")

    assert made(blocked / "below").accuracy > 0.1
    assert "not kept for the next time" in capsys.readouterr().err


def test_without_test_images_every_tenth_of_a_class_is_held_out():
    images, labels = digits(0, 300)
    kept, kept_labels, tested, tested_labels = lenet.held_out(images, labels)

    assert (labels.bincount() // 10).tolist() == tested_labels.bincount().tolist()
    assert len(kept) == len(kept_labels) == 300 - len(tested)
    ninth = torch.nonzero(labels == 3).flatten()[9]
    assert tested[tested_labels == 3][0].equal(images[ninth])


def test_colour_and_images_that_hardly_fit(quick):
    colour = TRAIN[0].repeat(1, 3, 1, 1)
    colour[:, 1:] = 0
    found = lenet.trained(colour, TRAIN[1], None, "cpu")

    assert found(colour[:3]).shape == (3, 16)
    with pytest.raises(UserError, match="trained on images of 3x8x8, and these are 1x8x8"):
        found(TRAIN[0])


def test_larger_images_take_fewer_steps():
    steps = [lenet.recipe_for(shape).iterations for shape in ((1, 28, 28), (3, 32, 32), (3, 96, 96), (1, 96, 96))]

    assert steps[1] > steps[0] > steps[2] == steps[3]


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (TRAIN[0].float(), TRAIN[1], "uint8"),
        (TRAIN[0], TRAIN[1][:5], "each with a label"),
        (TRAIN[0], torch.zeros(1200, dtype=torch.int64), "two classes or more"),
    ],
)
def test_what_a_lenet_cannot_be_trained_on(images, labels, words):
    with pytest.raises(UserError, match=words):
        lenet.trained(images, labels, None, "cpu", *TEST)


# -- statistics of real images ------------------------------------------------------------------------------------


class Counting:
    """Features that say how often they were asked."""

    def __init__(self, features):
        self.features, self.asked = features, 0

    def __getattr__(self, name):
        return getattr(self.features, name)

    def __call__(self, images, advance=None):
        self.asked += 1
        return self.features(images, advance)


@pytest.fixture
def features(quick):
    return Counting(made())


def same(a, b) -> bool:
    return (a.mean == b.mean).all() and (a.covariance == b.covariance).all() and a.count == b.count


def test_statistics_are_measured_once_for_images_and_features(features, cache):
    images = TEST[0]
    first = cached_statistics.statistics(images, features, cache)

    assert same(first, statistics_of(features.features(images)))
    assert same(cached_statistics.statistics(images.clone(), features, cache), first)
    assert features.asked == 1
    assert cached_statistics.statistics(images[:400], features, cache).count == 400
    assert not same(cached_statistics.statistics(255 - images, features, cache), first)
    assert features.asked == 3
    features.sha256 = "another"
    cached_statistics.statistics(images, features, cache)
    assert features.asked == 4
    cached_statistics.statistics(images, features, None)
    assert features.asked == 5


@pytest.mark.parametrize("damage", ["cut", "a bit", "another's"])
def test_damaged_statistics_are_measured_again(features, cache, damage, capsys):
    images = TEST[0]
    first = cached_statistics.statistics(images, features, cache)
    [path] = cache.glob("*.npz")
    whole = path.read_bytes()
    if damage == "another's":
        cached_statistics.statistics(images[:100], features, cache)
        [other] = set(cache.glob("*.npz")) - {path}
        path.write_bytes(other.read_bytes())
    else:
        middle = len(whole) // 2
        path.write_bytes(
            whole[:middle]
            if damage == "cut"
            else whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        )
    asked = features.asked

    assert same(cached_statistics.statistics(images, features, cache), first)
    assert features.asked == asked + 1
    assert "damaged; it is measured again" in capsys.readouterr().err
    assert same(cached_statistics.statistics(images, features, cache), first)
    assert features.asked == asked + 1
