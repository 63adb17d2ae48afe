from monitor import exportcommands, exportwiring


def test_every_kind_of_the_command_can_be_written_and_the_other_way_round():
    assert set(exportcommands.KINDS) == set(exportwiring.KINDS)
