"""Signals of stance: who speaks, how the claim is held, and what is said of it.

A claim and its refutation share their vocabulary, so the topic says nothing about stance. These word lists name the
devices instead: each cue is a set of word beginnings, and of pairs of neighbouring words, in Russian, Ukrainian and English.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from monitor.text import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.stages.windows import Sentence

# A leading "=" asks for the whole word; two words in a row are a pair of neighbours, each a beginning or whole.
_STEMS: dict[str, str] = {
    # The claim is called untrue.
    "verdict": """фейк|фэйк|вброс|ложь|=лжи|ложн|лжив|=лгут|=врет|=врут|враньё|вранье|вымысел|вымышлен|выдумк|неправд|=не соответств|
        дезинформ|пропаганд|манипул|опроверг|опроверж|разоблач|развенч|фальсифи|сфальсиф|подделк|подделан|инсценир|постановоч|срежиссир|миф|
        фактчек|=не подтверди|недостоверн|искаж|брехн|неправдив|хибн|вигада|маніпул|спрост|викри|вкид|підробк|підроблен|інсцен|постанов|міф|
        =не відповіда|недостовірн|перекруч|=false|=falsely|fake|hoax|=lie|=lies|=lying|untrue|disinfo|misinfo|propagand|manipulat|debunk|refut|
        fact-check|fact check|fabricat|staged|stage-managed|myth|mislead|doctored|distort|bogus|sham|baseless|unfounded|=no evidence|contradict""",
    # The author does not vouch for the claim.
    "distance": """якобы|=так называем|мол|дескать|нібито|=так зван|буцімто|мовляв|начебто|alleged|purported|so-called|supposed|self-styled|
        self-proclaimed|самопровозгл|самопроголош|псевдо|pseudo|квази|quasi|claims|claimed|claiming|утвержда|стверджу|unverified|=not independently|=be verified|=independently verif|удалось подтверд|вдалося підтверд|независимого подтвержд|незалежного підтвердж""",
    # Somebody speaks.
    "attribution": """заяви|сообщи|сказал|сказав|отмети|подчеркн|наголос|зазнач|повідом|додал|додав|рассказал|розпов|=по словам|=за словами|
        =по данным|=за даними|=said|=says|stated|=told|=according|added|stressed|noted|announced|reported|пояснил|пояснив|поясни|назвал|назвав|
        =calls|=called|describes|described""",
    # The power that holds the ground is named as its opponents name it.
    "occupation_word": """оккуп|окуп|occup|аннекс|анекс|annex|загарб|захватчик|захват|захопл|seiz|вторжен|вторгн|invasion|invad|агресс|агрес|
        aggress|коллаборац|колаборац|collaborat|гауляйтер|марионет|маріонет|puppet|deport|депорт|незакон|unlawful|illegal|international law|
        международн прав|міжнародн прав""",
    # Words of the claim's own camp.
    "camp_word": """киевск режим|київськ режим|kiev regime|=kiev|освобожд|освобод|звільнен|визвол|liberat|воссоедин|возз'єдн|возз’єдн|reunif|
        =сво|спецоперац|спецопер|special operation|нацист|неонацист|nazi|родн гаван|рідн гаван|home harbo|новые регион|новых регион|нових регіон|new regions|
        русофоб|russophob|западн куратор|куратор|патриот|патріот|героиз|героїз|историческ справедл|історичн справедл|historical justice|
        единоглас|одноголосн|единодуш|одностайн|unanim""",
    # People did not do it freely.
    "coercion": """принужд|принудит|заставл|вынужден|=под угроз|угроз увольн|сгоня|согна|свозил|свезли|добровольно-принуд|обязал|обязали|разнаряд|
        массовк|примус|примуш|змуш|змус|=під загроз|звіль|зганя|зігна|звезли|coerc|forced|forcing|compelled|under threat|threaten|bussed|bused|herded|
        =at gunpoint|=под дулом|=під дулом|extras|dismiss""",
    # Somebody who checked, judged or counted is named.
    "checker": """правозащит|правозахис|омбудсм|уполномоч|уповноваж|=оон|=un|united nations|генассамбле|генасамбле|general assembly|европейск суд|
        європейськ суд|=еспч|=єспл|echr|court|tribunal|трибунал|венецианск|венеційськ|venice commission|=обсе|=обсє|osce|monitors|монитор|моніторинг|
        исследоват|дослідник|research|analyst|аналитик|аналітик|историк|історик|historian|журналист|журналіст|journalist|проверк|перевір|verif|
        свидетел|свідк|свідчен|witness|спутников|супутник|satellite|документ|document|архив|архів|archive|leaked|расследован|розслідув|investigat""",
    # A turn from what is said to what is so.
    "turn": """=самом деле|=в действительн|=в реальност|насправді|=в дійсност|=same =time|однако|проте|однак|=но|=але|втім|however|=but|
        =yet|=in fact|=in reality|actually|=in truth|вместо этого|натомість|instead|вопреки|всупереч|despite|although|хотя|хоча|тогда как|тоді як|whereas""",
    "negation": """=не|=нет|=ни|=ні|=нема|немає|никто|никак|ничего|ніхто|нічого|=without|=без|never|никогда|ніколи|=no|=not|=none|nobody|=nor|isn't|
        wasn't|weren't|didn't|doesn't|aren't|don't|cannot|нельзя|невозможн|неможлив""",
    # The author is sure.
    "certainty": """конечно|безусловно|разумеется|=как известно|всем известно|очевидно|несомненно|звичайно|безумовно|звісно|=як відомо|всім відомо|очевид|
        =of course|=well =known|everyone knows|obvious|undoubted|clearly|наконец|нарешті|=at last|finally|навсегда|назавжди|forever|навеки|навіки""",
    # Neutral relating of somebody's position.
    "relating": """москва называ|кремль называ|=в кремле|россия называ|москва назива|кремль назива|росія назива|moscow calls|kremlin calls|russia calls|
        =the kremlin|москве счита|москві вважа|российские власти|російська влада|russian officials|russian authorities|нарратив|наратив|narrative|
        риторик|rhetoric|тезис|теза|talking point|критик|critics|западные стран|західні країн|western countries|киев отриц|київ запереч|kyiv denies|
        украина отриц|україна запереч|=оценить =не|обе стороны|обидві сторони|both sides""",
}
# How fact-checkers label a claim that they take apart, at the head of a title.
_LABEL = re.compile(
    r"^\W*(?:фейк|фэйк|неправда|ложь|манипуляция|маніпуляція|фактчек|фактчекинг|перевірка|проверка|вкид|вброс|дезінформація|дезинформация|"
    r"спростування|опровержение|fake|false|fact[- ]?check(?:ed|ing)?|misleading|hoax|debunked|disinfo|disinformation|manipulation)\s*[:.—–|\]-]"
)
# A sentence that says outright that something told is not so.
_VERDICT_PHRASE = re.compile(
    r"\b(?:это|це|є|оказал\w+|виявил\w+|is|are|was|were|as)\s+(?:\w+\s+){0,2}(?:фейк\w*|ложь\w*|лож[ьн]\w*|неправд\w*|вымысл\w*|вигадк\w*|постановк\w*|"
    r"инсценировк\w*|інсценуванн\w*|false|untrue|fake[ds]?|staged|fabricated|a lie|a hoax|a myth|propaganda|disinformation)\b"
    r"|\bне соответству\w+ действительности|\bне відповіда\w+ дійсності|\b(?:на самом деле|насправді|в действительности)\b"
    r"|\bнет (?:никаких )?доказательств|\bнемає (?:жодних )?доказів|\bno evidence\b|\bin fact\b|\bin reality\b|\bconspiracy theor"
    r"|\bdebunk|\bdisinformation\b|\bfact-?check|\bфактчек|\bдезинформац|\bдезінформац|\bпропагандист|\bроспропаганд|\bспростув|\bопроверг|\bкремлівськ\w+ зм"
)
_MARKS = ("quoted_share", "question", "exclamation")
CUES: tuple[str, ...] = (*_STEMS, *_MARKS)
_QUOTED = re.compile('[«“„"]([^«»“”„"]{2,200})[»”“"]')


def _compile(stems: Sequence[str]) -> re.Pattern[str]:
    """A pattern that a folded word matches where it begins with, or is, one of the stems."""
    whole = [re.escape(stem[1:]) + "$" for stem in stems if stem.startswith("=")]
    return re.compile("|".join([*whole, *(re.escape(stem) for stem in stems if not stem.startswith("="))]))


def _split_stems() -> tuple[dict[str, re.Pattern[str]], list[tuple[int, re.Pattern[str], re.Pattern[str]]]]:
    words, pairs = {}, []
    for number, (name, listed) in enumerate(_STEMS.items()):
        stems = [fold(" ".join(stem.split())) for stem in listed.split("|")]
        words[name] = _compile([stem for stem in stems if " " not in stem])
        for first, second in (stem.split(" ") for stem in stems if " " in stem):
            pairs.append((number, _compile([first]), _compile([second])))
    return words, pairs


_WORD_PATTERNS, _PAIRS = _split_stems()
# A pair is a bit in two numbers of 64 bits each, so that pairs are found without a loop over the words.
PAIR_CUES = np.array([number for number, _, _ in _PAIRS], dtype=np.intp)
WORD_CUES = len(_STEMS)


def find_word_cues(word: str) -> list[bool]:
    """For a folded word, whether it speaks for each of the first `WORD_CUES` cues on its own."""
    return [pattern.match(word) is not None for pattern in _WORD_PATTERNS.values()]


def find_pair_places(word: str) -> tuple[int, int]:
    """Bits of the pairs that a folded word may begin, and of those that it may end."""
    firsts = sum(1 << bit for bit, (_, first, _) in enumerate(_PAIRS) if first.match(word))
    seconds = sum(1 << bit for bit, (_, _, second) in enumerate(_PAIRS) if second.match(word))
    return firsts, seconds


def measure_marks(sentence: Sentence) -> tuple[int, int, bool, bool]:
    """Of a sentence: its characters, those in quotation marks, whether it asks, whether it exclaims."""
    text = sentence.text
    quoted = sum(map(len, _QUOTED.findall(text))) if "«" in text or '"' in text or "“" in text or "„" in text else 0
    return len(text), quoted, "?" in text, "!" in text


def scale_cues(counts: NDArray[np.float64], marks: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sums over passages to one number per cue of `CUES`: passages x cues.

    Counts become the log of one plus the count; marks (characters, quoted characters, questions, exclamations) become a
    share, 0/1 and 0/1.
    """
    shares = marks[:, 1] / np.maximum(marks[:, 0], 1)
    return np.column_stack([np.log1p(np.maximum(counts, 0)), shares, marks[:, 2] > 0, marks[:, 3] > 0]).astype(np.float32)


def has_fact_check_label(title: str) -> bool:
    """Whether a title is marked as a fact-check ("Fake: …"); such a text takes the claim apart that it repeats."""
    return bool(_LABEL.match(title.lower()))


def is_contested(text: str) -> bool:
    """Whether a text says outright that something told is not so. Who promotes a claim may do that too, but seldom."""
    return bool(_VERDICT_PHRASE.search(text.lower()))
