from monitor.commands import exports as commands
from monitor.wiring import exports as wiring


def test_every_kind_of_the_command_can_be_written_and_the_other_way_round():
    assert set(commands.KINDS) == set(wiring.KINDS)
