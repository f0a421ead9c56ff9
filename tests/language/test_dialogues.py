"""Dialogues in other languages, through the whole bot: nothing is left in English, and each ends as
it does in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.sandbox import PLAY_SPEED
from bot.language import Localizer, translations
from bot.language.pseudo import PseudoLocalizer
from handlers import STEPS
from tests.language.hearing import find_english, list_lines, play
from tests.scenarios.stage import playing, words

MISTAKES = """
@alice: /mesh install -> error
@alice: /mesh whoami
@alice: /mesh help
@alice: /mesh help traffic
/mesh expse -> error
/mesh traffic burst many -> error
/mesh route jason v9 -> error
/mesh fault jason delay 9s -> error
/mesh shift v1=50 v3=60 -> error
/mesh install -> done
/mesh fault jason -> not yet
/mesh inject -> not yet
/mesh traces -> not yet
/mesh graph -> not yet
/mesh show -> normal
/mesh uninstall
click "Cancel" -> normal
"""
FOREIGN = (
    re.compile(r"Processing resources for \w+(?: gateways| core)?"),  # istioctl
    re.compile(r"containers with unready status: \[[\w-]+\]"),  # the kubelet
    re.compile(r"Resource programmed, assigned to service\(s\) \S+"),  # istiod
    re.compile(r"KIA\d+ [\w ]+ \((?:warning|error)"),  # Kiali
    re.compile(r"(?:tracing|custom dashboards) Healthy"),  # Kiali
    re.compile(r"(?<=ConfigMap )\S+ \(.*\)"),  # lines of an object
    re.compile(r"\w+\[\d+\]\.\w+: "),  # the path of a field
    re.compile(r"\w+\[[\w-]+\]\.[\w.\[\]]+: (?:\S+ → (?:true)?)?"),  # and its values
)
"""What others say in a dialogue: it stays as it is."""
NAMES = frozenset(
    "bookinfo details guest http istio istiod jason productpage prometheus ratings reviews ztunnel"
    " grafana jaeger tracing zipkin expse unknown".split()
) | {step.id for step in STEPS}
"""What is called the same in every language."""
CATALAN = r"""
msgid ""
msgstr ""
"Language: ca\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

msgid "Preflight"
msgstr "Comprova"

msgctxt "state"
msgid "Done"
msgstr "Fet"
"""


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> PseudoLocalizer:
    """The language that nobody speaks, as the channel's."""
    say = PseudoLocalizer()
    monkeypatch.setattr("bot.app.Localizer", lambda language: say)
    return say


@pytest.fixture
def catalan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A folder of catalogues with a file that the bot does not have."""
    folder = tmp_path / "locales"
    folder.mkdir()
    (folder / "ca.po").write_text(CATALAN, encoding="utf-8")
    monkeypatch.setattr(translations, "locate_catalogs", lambda: list(folder.iterdir()))
    yield
    translations.load_catalog.cache_clear()


@pytest.mark.long
async def test_install_and_mistakes_pass_the_localizer(
    tmp_path: Path, pseudo: PseudoLocalizer
) -> None:
    """What is done, not understood, not allowed or not possible yet leaves no word in English."""
    async with playing(tmp_path) as (stage, _):
        assert find_english(await play(stage, MISTAKES, pseudo), FOREIGN, NAMES) == []


@pytest.mark.long
@pytest.mark.timeout(200)
async def test_the_whole_workshop_passes_the_localizer(
    tmp_path: Path, pseudo: PseudoLocalizer
) -> None:
    """Every step of the built-in script, its progress and its verdict."""
    async with playing(tmp_path, speed=PLAY_SPEED) as (stage, _):
        assert find_english(await play(stage, "workshop", pseudo), FOREIGN, NAMES) == []


@pytest.mark.long
async def test_an_install_in_spanish(tmp_path: Path) -> None:
    """From the first word to the verdict; the ids by which programs read a channel are the same."""
    async with playing(tmp_path, MESHBOT_LANGUAGE="es") as (stage, _):
        message = await stage.type("/mesh install")
        assert message.blocks[0]["block_id"].startswith("verdict:done:")
        assert "*Instalar Istio* — Hecho: Istio 1.30.3 está listo." in words(message)


@pytest.mark.long
@pytest.mark.timeout(200)
async def test_the_whole_workshop_in_spanish(tmp_path: Path) -> None:
    """Every step of the built-in script ends as in English, and buttons have Spanish names."""
    async with playing(tmp_path, speed=PLAY_SPEED, MESHBOT_LANGUAGE="es") as (stage, _):
        lines = await play(stage, "workshop", Localizer("es"))
        assert any("pasan por el waypoint" in line for line in lines)


@pytest.mark.usefixtures("catalan")
async def test_a_third_language_is_one_file(tmp_path: Path) -> None:
    """With a catalogue in the folder, the bot speaks the language; what that lacks is English."""
    async with playing(tmp_path, MESHBOT_LANGUAGE="ca") as (stage, _):
        message = await stage.type("/mesh preflight")
        assert "*Comprova* — Fet: " in next(iter(list_lines(message.blocks)))
