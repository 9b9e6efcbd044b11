"""The hub's own side of homes: made by itself, or by the host's service when they have a limit."""

import pytest

MADE = """
import sys; sys.path.insert(0, "/srv/hub")
import asyncio
from pathlib import Path
import user_home

async def main(homes, socket):
    async def answer(reader, writer):
        name = (await reader.readline()).decode().strip()
        writer.write({"ada": b"ok\\n", "ben": b"ben.ext4 is damaged\\n"}.get(name, b""))
        writer.close()
    server = await asyncio.start_unix_server(answer, socket)
    async with server:
        {call}

try:
    folder = Path("/tmp/test-homes")
    (folder / "limited").mkdir(parents=True, exist_ok=True)
    (folder / "limited").chmod(0)
    asyncio.run(main(folder, folder / "socket"))
    print("made")
except user_home.SpawnError as error:
    print(error.jupyterhub_message)
"""
CASES = {
    "plain": ("user_home.make_home('ada', 1000, 1000, homes)", "made"),
    "a place for a mount": (
        "user_home.make_home('limited', 1000, 1000, homes)",
        "file with a limit",
    ),
    "no name": ("user_home.make_home('../x', 1000, 1000, homes)", "cannot be the name"),
    "limited": ("await user_home.limited_home('ada', socket)", "made"),
    "limited, no name": ("await user_home.limited_home('a\\nada', socket)", "cannot be the name"),
    "refused": (
        "await user_home.limited_home('ben', socket)",
        "cannot be opened: ben.ext4 is damaged.",
    ),
    "silent": ("await user_home.limited_home('carl', socket)", "cannot be opened: no answer."),
    "nobody there": ("await user_home.limited_home('ada', homes / 'x')", "does not answer"),
    "this hub": ("await user_home.limited_home('ada')", "does not answer"),  # it sets no limit
    "too slow": ("await user_home.limited_home('ada', socket, 0)", "does not answer (too slow)"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_user_gets(demo_hub, case):
    call, said = CASES[case]
    program = ["python3", "-c", MADE.replace("{call}", call)]
    code, out = demo_hub.services()["hub"].exec_run(program)
    assert code == 0, out
    assert said in out.decode()
