"""What a failure becomes: one sentence and an exit code."""

import errno

import pytest
from trajset.builder.errors import ConfigError
from trajset.commands.boundary import guarded


@pytest.mark.parametrize(
    ("number", "fix"), [(errno.ENOSPC, "Free space."), (errno.ENOTDIR, "name another place")]
)
def test_a_disk_that_refuses_is_no_bug(number, fix, capsys):
    def refuse():
        raise OSError(number, "refused", "some/file")

    assert guarded(refuse, debug=False) == 4
    said = capsys.readouterr().err
    assert "some/file" in said
    assert fix in said


def test_other_failures_go_through():
    def fail():
        raise OSError(errno.EBADF, "ours")

    with pytest.raises(OSError, match="ours"):
        guarded(fail, debug=False)


def test_a_message_is_printed_as_it_is(capsys):
    def refuse():
        raise ConfigError("--sweep: must read NAME=START:END:STEP; got 'min_f1=a:b:c' [red]")

    guarded(refuse, debug=False)
    assert capsys.readouterr().err == (
        "error: --sweep: must read NAME=START:END:STEP; got 'min_f1=a:b:c' [red]\n"
    )
