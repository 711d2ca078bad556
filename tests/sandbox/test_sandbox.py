"""The sandbox with real programs: needs root and a merged-usr Linux."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pratique.model.errors import InputError, UnsupportedError
from pratique.sandbox import Bind, Root, available, run, start
from pratique.sandbox.run import Service
from tests.making import roots

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/bin").is_symlink(), reason="needs root and a merged-usr Linux"
)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return roots.root(tmp_path / "root")


def out(root: Root, tmp_path: Path, *command: str, **more: object) -> str:
    finished = run(roots.job(root, *command, **more), work=tmp_path / "work", timeout=60)
    assert (finished.exit_code, finished.stderr) == (0, b"")
    return finished.stdout.decode()


def test_exit_code_and_output(root: Root, tmp_path: Path) -> None:
    finished = run(roots.job(root, "sh", "-c", "echo out; echo err >&2; exit 7"), work=tmp_path / "work")
    assert (finished.exit_code, finished.stdout, finished.stderr) == (7, b"out\n", b"err\n")


@pytest.mark.parametrize(("command", "code"), [("no-such-program", 127), ("/etc/passwd", 126), ("/etc", 126)])
def test_what_cannot_be_executed_ends_as_a_shell_says(
    root: Root, tmp_path: Path, command: str, code: int
) -> None:
    finished = run(roots.job(root, command), work=tmp_path / "work")
    assert finished.exit_code == code
    assert finished.stderr.startswith(f"{command}: ".encode())


def test_a_signal_is_128_and_its_number(root: Root, tmp_path: Path) -> None:
    assert run(roots.job(root, "sh", "-c", "kill -9 $$"), work=tmp_path / "work").exit_code == 137


def test_changes_are_thrown_away_without_an_upper(root: Root, tmp_path: Path) -> None:
    assert out(root, tmp_path, "sh", "-c", "echo new > /srv/new; cat /srv/new") == "new\n"
    assert list((root.lower[0] / "srv").iterdir()) == []


def test_changes_lie_in_the_upper(root: Root, tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()
    out(Root(root.lower, upper), tmp_path, "sh", "-c", "echo new > /srv/new; rm /etc/group")
    assert (upper / "srv" / "new").read_text() == "new\n"
    assert (upper / "etc" / "group").is_char_device()
    assert (root.lower[0] / "etc" / "group").exists()
    assert not (root.lower[0] / "srv" / "new").exists()


def test_several_lower_folders_lie_over_each_other(root: Root, tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "etc").mkdir(parents=True)
    (top / "etc" / "group").write_text("top\n")
    assert out(Root((top, *root.lower)), tmp_path, "cat", "/etc/group") == "top\n"


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ("", "0 0 0"),
        ("app", "1234 2345 2345 3456"),
        ("1234", "1234 2345 2345 3456"),
        ("app:extra", "1234 3456 3456"),
        ("77:88", "77 88 88"),
        ("77", "77 0 0"),
    ],
)
def test_users_are_those_of_the_image(root: Root, tmp_path: Path, user: str, says: str) -> None:
    assert out(root, tmp_path, "sh", "-c", "echo $(id -u) $(id -g) $(id -G)", user=user).strip() == says


def test_a_user_has_no_capability_and_gains_none(root: Root, tmp_path: Path) -> None:
    lines = dict(
        line.split(":\t") for line in out(root, tmp_path, "cat", "/proc/self/status", user="app").splitlines()
    )
    assert lines["CapEff"] == lines["CapPrm"] == "0000000000000000"
    assert lines["NoNewPrivs"] == "1"


def test_root_inside_may_not_mount_or_make_devices(root: Root, tmp_path: Path) -> None:
    script = "mknod /srv/x c 1 3 2>/dev/null && echo made; mount -t tmpfs x /srv 2>/dev/null && echo mounted; echo done"
    assert out(root, tmp_path, "sh", "-c", script) == "done\n"


def test_no_network_but_a_loopback_device(root: Root, tmp_path: Path) -> None:
    devices = out(root, tmp_path, "cat", "/proc/net/dev").splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]


def test_own_processes_and_an_empty_tmp(root: Root, tmp_path: Path) -> None:
    listed = out(root, tmp_path, "sh", "-c", "ls /tmp; ls -d /proc/[0-9]* | wc -l")
    assert int(listed) <= 4


def test_binds_are_read_only_unless_said(root: Root, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "file").write_text("x")
    closed = (Bind(tmp_path / "given", "/given"),)
    script = "cat /given/file; touch /given/new 2>/dev/null || echo refused"
    assert out(root, tmp_path, "sh", "-c", script, binds=closed) == "xrefused\n"
    opened = (Bind(tmp_path / "given", "/given", writable=True),)
    assert out(root, tmp_path, "sh", "-c", script, binds=opened) == "x"
    assert (tmp_path / "given" / "new").exists()


def given(tmp_path: Path, target: str) -> tuple[Bind, ...]:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "file").write_text("x")
    return (Bind(tmp_path / "given", target),)


@pytest.mark.parametrize("place", ["/tmp", "/proc", "/dev", "/srv/given"])
@pytest.mark.parametrize("link", ["/", "/srv", "nowhere"])
def test_a_link_where_something_is_mounted_is_the_image_s_fault(
    root: Root, tmp_path: Path, place: str, link: str
) -> None:
    (root.lower[0] / place[1:]).symlink_to(link)
    job = roots.job(root, "true", binds=given(tmp_path, "/srv/given"))
    with pytest.raises(InputError) as caught:
        run(job, work=tmp_path / "work")
    assert caught.value.what == "the image has a symbolic link where the sandbox mounts"
    assert caught.value.place == place
    assert caught.value.remedy == "Put a plain folder or file in its place"


def test_a_file_where_a_folder_is_mounted_is_the_image_s_fault(root: Root, tmp_path: Path) -> None:
    (root.lower[0] / "tmp").touch()
    with pytest.raises(InputError, match="no folder where the sandbox mounts") as caught:
        run(roots.job(root, "true"), work=tmp_path / "work")
    assert caught.value.place == "/tmp"


@pytest.mark.parametrize("link", ["/srv/./real", "srv/real", "srv/other/../real", "../../srv/real"])
def test_links_among_a_mount_s_parents_are_followed(root: Root, tmp_path: Path, link: str) -> None:
    (root.lower[0] / "srv" / "a" / "b").mkdir(parents=True)
    (root.lower[0] / "srv" / "other").symlink_to("a/b")
    (root.lower[0] / "srv" / "a" / "real").mkdir()
    (root.lower[0] / "var").symlink_to(link)
    binds = given(tmp_path, "/var/x/y")
    assert out(root, tmp_path, "cat", "/var/x/y/file", binds=binds) == "x"


@pytest.mark.parametrize("link", ["", "../" * 40, "/proc/1/root"])
def test_links_among_a_mount_s_parents_never_lead_out(root: Root, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root.lower[0] / "var").symlink_to(f"{link}{outside}")
    assert out(root, tmp_path, "cat", f"{outside}/x/file", binds=given(tmp_path, "/var/x")) == "x"
    assert list(outside.iterdir()) == []


def test_a_circle_of_links_among_a_mount_s_parents_ends(root: Root, tmp_path: Path) -> None:
    (root.lower[0] / "var").symlink_to("var")
    with pytest.raises(InputError) as caught:
        run(roots.job(root, "true", binds=given(tmp_path, "/var/x")), work=tmp_path / "work")
    assert caught.value.place == "/var"


def test_a_job_may_end_with_the_sandbox_s_own_code(root: Root, tmp_path: Path) -> None:
    finished = run(roots.job(root, "sh", "-c", "echo why >&2; exit 125"), work=tmp_path / "work")
    assert (finished.exit_code, finished.stderr) == (125, b"why\n")


def test_time_is_up(root: Root, tmp_path: Path) -> None:
    started = time.monotonic()
    finished = run(roots.job(root, "sleep", "600"), work=tmp_path / "work", timeout=0.5)
    assert finished.timed_out
    assert time.monotonic() - started < 10


def test_a_service_is_reached_beside_and_stops_when_asked(root: Root, tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    with start(roots.job(root, "sh", "-c", script), work=tmp_path / "work") as service:
        beside = service.run_beside(("cat", "/proc/net/dev"), 10)
        time.sleep(0.3)
        finished = service.stop(10)
    assert [line.split(b":")[0].strip() for line in beside.stdout.splitlines()[2:]] == [b"lo"]
    assert (finished.exit_code, finished.stdout, finished.timed_out) == (0, b"up\nbye\n", False)


def test_a_service_that_does_not_listen_is_ended(root: Root, tmp_path: Path) -> None:
    with start(
        roots.job(root, "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"), work=tmp_path / "work"
    ) as service:
        time.sleep(0.3)
        assert service.stop(0.5).timed_out


def test_nothing_is_left_when_its_parent_is_killed(root: Root, tmp_path: Path) -> None:
    """Mounts lie in the child's namespace and processes die with their parent, whatever kills it."""
    code = (
        "import sys; from pathlib import Path; from pratique.sandbox import *; from tests.making import roots;"
        "root, work = Path(sys.argv[1]), Path(sys.argv[2]);"
        "service = start(roots.job(Root((root,)), 'sleep', '654321'), work=work); print('up', flush=True); service.wait()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, root.lower[0], tmp_path / "work"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": "src:."},
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        for _ in range(100):
            if sleepers():
                break
            time.sleep(0.05)
        assert len(sleepers()) == 1
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not sleepers():
            break
        time.sleep(0.05)
    assert sleepers() == []
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def sleepers() -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes() == b"sleep\x00654321\x00":
                found.append(folder.name)
        except OSError:
            continue
    return found


def test_close_ends_what_runs(root: Root, tmp_path: Path) -> None:
    service = Service(roots.job(root, "sleep", "600"), tmp_path / "work")
    service.close()
    assert service.ended()


def test_an_ordinary_user_is_told() -> None:
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            available()
        except UnsupportedError as error:
            os._exit(0 if "needs root" in error.what and "sudo" in error.remedy else 2)
        os._exit(3)
    assert os.waitpid(child, 0)[1] == 0


def test_folders_with_the_separators_of_overlayfs_in_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "a,b:c\\d"
    made = roots.root(folder / "low,er:x")
    upper = folder / "upper,dir=/x"
    upper.mkdir(parents=True)
    done = run(
        roots.job(Root(made.lower, upper), "sh", "-c", "echo yes > /srv/file"),
        work=tmp_path / "work",
        timeout=30,
    )
    assert (done.exit_code, done.stderr) == (0, b"")
    assert (upper / "srv" / "file").read_text() == "yes\n"
