"""The spellings of units, in the languages in which answers are written.

`MEANINGS` maps a spelling to the unit's name, its dimension in base units and its size. Symbols of the SI take
prefixes by rule, and so do the words for metre, gram and litre in each language. Every other spelling is in a table.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

Dimension = tuple[tuple[str, int], ...]
"""Sorted (base, exponent) pairs: `length`, `mass`, `time`, `current`, `temperature`, a currency, ..."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a spelling says."""

    name: str
    dimension: Dimension
    size: Fraction
    """In metre, gram, second, ampere, kelvin, mole, candela, or in the main unit of a currency."""


_TERM = re.compile(r"([a-z]+)(-?\d*)")


def _dimension(text: str) -> Dimension:
    return tuple(sorted((base, int(power or 1)) for base, power in _TERM.findall(text)))


_PREFIXES = {
    "k": ("1000", "kilo"),
    "M": ("1000000", "mega"),
    "G": ("1000000000", "giga"),
    "T": ("1000000000000", "tera"),
    "h": ("100", "hecto"),
    "d": ("1/10", "deci"),
    "c": ("1/100", "centi"),
    "m": ("1/1000", "milli"),
    "μ": ("1/1000000", "micro"),
    "n": ("1/1000000000", "nano"),
    "p": ("1/1000000000000", "pico"),
}
_SYMBOLS: dict[str, tuple[str, str, str, str]] = {
    "m": ("length", "1", "k d c m μ n p", "meter metre"),
    "g": ("mass", "1", "k M c m μ n", "gram gramme"),
    "s": ("time", "1", "m μ n p", "second sec secs"),
    "A": ("current", "1", "k m μ n", "ampere amp ampère"),
    "mol": ("amount", "1", "k m μ n", "mole moles моль 摩尔 モル"),
    "cd": ("light", "1", "m", "candela"),
    "l": ("length3", "1/1000", "h d c m μ", "L ℓ liter litre"),
    "N": ("mass length time-2", "1000", "k M m μ", "newton ньютон 牛 牛顿 ニュートン"),
    "J": ("mass length2 time-2", "1000", "k M G m", "joule джоуль 焦 焦耳 ジュール"),
    "W": ("mass length2 time-3", "1000", "k M G m", "watt ватт 瓦 瓦特 ワット"),
    "Pa": ("mass length-1 time-2", "1000", "k M G h", "pascal паскаль 帕 帕斯卡 パスカル"),
    "V": ("mass length2 time-3 current-1", "1000", "k M m μ", "volt вольт 伏 伏特 ボルト"),
    "C": ("current time", "1", "m μ n p", "coulomb кулон 库仑 クーロン"),
    "F": ("mass-1 length-2 time4 current2", "1/1000", "m μ n p", "farad фарад 法拉"),
    "H": ("mass length2 time-2 current-2", "1000", "m μ n", "henry henries генри 亨利"),
    "T": ("mass time-2 current-1", "1000", "m μ n", "tesla тесла 特斯拉"),
    "Wb": ("mass length2 time-2 current-1", "1000", "m μ", "weber вебер 韦伯"),
    "Ω": ("mass length2 time-3 current-2", "1000", "k M m", "ohm ом Ом 欧 欧姆 オーム"),
    "Hz": ("time-1", "1", "k M G T", "hertz герц 赫 赫兹 ヘルツ"),
    "eV": ("mass length2 time-2", "1602176634/10000000000000000000000000", "k M G T", "electronvolt"),
    "cal": ("mass length2 time-2", "4184", "k", "calorie"),
    "bar": ("mass length-1 time-2", "100000000", "m", ""),
    "lm": ("lumen", "1", "k", "lumen"),
    "lx": ("illuminance", "1", "k m", "lux"),
}
"""Symbol -> dimension, size, prefixes in use, words and other symbols."""

_UNITS: dict[str, tuple[str, str, str]] = {
    # length, area, volume
    "in": ("length", "127/5000", ("in inch inches дюйм дюйма дюймов pouce pouces pulgada pulgadas zoll 英寸 インチ")),
    "ft": ("length", "381/1250", "ft feet foot фут фута футов 英尺 フィート 피트"),
    "yd": ("length", "1143/1250", "yd yard 码 ヤード"),
    "mi": ("length", "201168/125", "mi mile миля мили миль milla millas meile meilen 英里 マイル 마일"),
    "nmi": ("length", "1852", "nmi"),
    "Å": ("length", "1/10000000000", "Å ångström angstrom"),
    "里": ("length", "500", "里 华里"),
    "尺": ("length", "1/3", "尺 市尺"),
    "ha": (
        "length2",
        "10000",
        "ha hectare hectares hektar hectárea hectáreas гектар гектара гектаров га 公顷 ヘクタール",
    ),
    "acre": ("length2", "316160658/78125", "acre акр 英亩"),
    "亩": ("length2", "2000/3", "亩 畝"),
    "gal": ("length3", "473176473/125000000000", "gal gallon"),
    "cc": ("length3", "1/1000000", "cc"),
    "cup": ("length3", "473176473/2000000000000", "cup"),
    "pint": ("length3", "473176473/1000000000000", "pint"),
    "quart": ("length3", "473176473/500000000000", "quart"),
    # mass
    "lb": ("mass", "45359237/100000", "lb lbs pound фунт фунта фунтов libra libras 磅 ポンド"),
    "oz": ("mass", "45359237/1600000", "oz ounce унция унции унций 盎司 オンス"),
    "ton": (
        "mass",
        "1000000",
        "t ton tonne tonnes тонна тонны тонн т tonelada toneladas 吨 噸 トン 톤 טון أطنان طن টন टन",
    ),
    "斤": ("mass", "500", "斤 市斤"),
    "两": ("mass", "50", "两"),
    # time
    "min": (
        "time",
        "60",
        "min mins minute minuten minuto minutos minuti minut minuty minuta минута минуты минут мин хв "
        "хвилина хвилини "
        "хвилин 分钟 分鐘 분 דקה דקות دقيقة دقائق دقیقه मिनट মিনিট นาที phút dakika menit λεπτό λεπτά minuter",
    ),
    "h": (
        "time",
        "3600",
        "h hr hrs hour heure heures hora horas stunde stunden ora ore godzina godziny godzin час часа часов ч "
        "година години годин 小时 小時 時間 钟头 시간 ساعة ساعات ساعتان שעה שעות घंटा घंटे घण्टे ঘণ্টা "
        "ঘন্টা ชั่วโมง giờ saat "
        "ώρα ώρες uur uren timme timmar",
    ),
    "day": (
        "time",
        "86400",
        "day jour jours día días dia dias tage tagen giorno giorni dzień dni день дня дней днів дні "
        "сутки суток сут "
        "天 日 日間 일 يوم أيام יום ימים दिन দিন วัน ngày gün hari ημέρα ημέρες μέρα μέρες dag dagen dagar",
    ),
    "week": (
        "time",
        "604800",
        "week wk wks semaine semaines semana semanas woche wochen settimana settimane tydzień tygodnie "
        "tygodni неделя "
        "недели недель тиждень тижні тижнів 周 週 星期 週間 礼拜 주 주일 أسبوع أسابيع שבוע שבועות "
        "सप्ताह हफ्ते সপ্তাহ สัปดาห์ tuần "
        "hafta minggu εβδομάδα εβδομάδες weken veckor",
    ),
    "month": (
        "time",
        "2629746",
        "month mos mois mes meses monat monate monaten mese mesi miesiąc miesiące miesięcy месяц "
        "месяца месяцев мес "
        "місяць місяці місяців 月 个月 個月 か月 ヶ月 ヵ月 カ月 개월 달 شهر أشهر شهور חודש חודשים "
        "महीना महीने মাস เดือน tháng bulan "
        "μήνας μήνες maanden månader",
    ),
    "year": (
        "time",
        "31556952",
        "year yr yrs ans année années año años ano anos jahr jahre jahren anno anni rok lata lat год "
        "года лет рік "
        "роки років 年 年间 年間 년 سنة سنوات عام أعوام שנה שנים साल वर्ष বছর ปี năm yıl tahun έτος "
        "έτη χρόνια jaar år",
    ),
    "decade": ("time", "315569520", "decade"),
    "century": ("time", "3155695200", "century"),
    "kWh": ("mass length2 time-2", "3600000000", "kWh kwh"),
    "atm": ("mass length-1 time-2", "101325000", "atm atmosphere"),
    "hp": ("horsepower", "1", "hp horsepower"),
    "rpm": ("rpm", "1", "rpm"),
    "dB": ("decibel", "1", "dB decibel"),
    # angle, temperature
    "°": (
        "angle",
        "1",
        "° degree deg grados degré degrés gradi градус градуса градусов градусів 度 도 درجة درجات "
        "מעלות डिग्री ডিগ্রি "
        "องศา độ derece μοίρες stopni stopnie",
    ),
    "rad": ("angle", "1", "rad radian радиан радиана радианов 弧度 ラジアン"),
    "arcmin": ("angle", "1/60", "arcmin arcminute 角分"),
    "arcsec": ("angle", "1/3600", "arcsec arcsecond 角秒"),
    "°C": ("temperature", "1", "°C ℃ celsius 摄氏度 攝氏度 섭씨"),
    "°F": ("temperature", "1", "°F ℉ fahrenheit 华氏度"),
    "K": ("temperature", "1", "K kelvin кельвин 开尔文"),
    # shares
    "%": (
        "share",
        "1/100",
        "% ٪ percent pct percentage prozent процент процента процентов проц відсоток відсотки "
        "відсотків percento procent "
        "percentuale 百分比 パーセント 퍼센트 프로 प्रतिशत শতাংশ เปอร์เซ็นต์ persen درصد אחוז אחוזים "
        "procenta prosent prosenttia "
        "процентів",
    ),
    "‰": ("share", "1/1000", "‰ permille permil promille промилле 千分比"),
    "bp": ("share", "1/10000", "bp bps ‱"),
    "ppm": ("share", "1/1000000", "ppm"),
    "ppb": ("share", "1/1000000000", "ppb"),
    # money
    "$": (
        "dollar",
        "1",
        "$ ¤ dollar usd доллар доллара долларов долар долари доларів 美元 ドル 달러 دولار دولارات דולר दلار डॉलर ডলার",
    ),
    "cent": ("dollar", "1/100", "cent ¢ penny pennies pence 美分 セント"),
    "€": ("euro", "1", "€ euro euros eur евро євро 欧元 歐元 ユーロ 유로 يورو אירו यूरो ইউরো ευρώ"),
    "eurocent": ("euro", "1/100", "eurocent"),
    "£": ("sterling", "1", "£ gbp 英镑"),
    "yuan": ("yuan", "1", "yuan rmb cny renminbi 元 圆 块 块钱 人民币 юань юаня юаней 위안"),
    "角": ("yuan", "1/10", "角 毛"),
    "¥": ("yen or yuan", "1", "¥ ￥"),
    "yen": ("yen", "1", "yen jpy 円 日元 иена иены иен 엔"),
    "won": ("won", "1", "won krw ₩ 원 韩元"),
    "rupee": ("rupee", "1", "rupee rs inr ₹ रुपये रुपया रुपए рупия рупий 卢比"),
    "taka": ("taka", "1", "bdt taka টাকা"),
    "paisa": ("rupee", "1/100", "paisa paise पैसे"),
    "rub": ("ruble", "1", "rub ₽ ruble rouble рубль рубля рублей руб 卢布"),
    "kopek": ("ruble", "1/100", "kopek копейка копейки копеек коп"),
    "uah": ("hryvnia", "1", "uah ₴ hryvnia гривня гривні гривень грн"),
    "zł": ("zloty", "1", "zł zl pln złoty złote złotych zloty zlotys"),
    "grosz": ("zloty", "1/100", "grosz grosze groszy"),
    "chf": ("franc", "1", "chf"),
    "kr": ("krona", "1", "kr krona kronor krone kroner"),
    "sek": ("sek", "1", "sek"),
    "nok": ("nok", "1", "nok"),
    "dkk": ("dkk", "1", "dkk"),
    "czk": ("czk", "1", "czk kč koruna koruny korun"),
    "huf": ("huf", "1", "huf forint"),
    "cad": ("cad", "1", "cad"),
    "aud": ("aud", "1", "aud"),
    "nzd": ("nzd", "1", "nzd"),
    "sgd": ("sgd", "1", "sgd"),
    "hkd": ("hkd", "1", "hkd 港元 港币"),
    "brl": ("brl", "1", "brl reais"),
    "mxn": ("mxn", "1", "mxn"),
    "peso": ("peso", "1", "peso pesos ₱ песо"),
    "zar": ("zar", "1", "zar rand"),
    "try": ("lira", "1", "try ₺ lira"),
    "shekel": ("shekel", "1", "ils ₪ shekel שקל שקלים"),
    "baht": ("baht", "1", "thb ฿ baht บาท"),
    "dong": ("dong", "1", "vnd ₫ đồng"),
    "rupiah": ("rupiah", "1", "idr rupiah"),
    "naira": ("naira", "1", "ngn ₦ naira"),
    "rial": ("rial", "1", "rial riyal ریال ريال"),
    "toman": ("toman", "1", "toman تومان"),
    "dirham": ("dirham", "1", "dirham aed درهم"),
    "jod": ("dinar", "1", "dinar دينار دنانير"),
    "egp": ("egp", "1", "egp جنيه جنيهات"),
    # the clock
    "点": ("time", "3600", "点 點 时 時 시 点钟 點鐘 点整 o'clock"),
    "分": ("time", "60", "分"),
}
"""Name -> dimension, size, spellings; English words without the plural s."""

_LANGUAGES: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "kilo kiló chilo quilô quilo centi centí centy milli mili milí deci decí decy dezi mikro micro "
        "nano hecto hekto",
        {
            "m": "meter metre metro metros mètre mètres metri metr metry metrów metern metra metrar",
            "g": "gram gramme grammes gramm gramos gramo grammi grammo gramów gramy grama gramas grammen",
            "l": "liter litre litres litro litros litri litr litry litrów litern litra",
        },
    ),
    (
        "кило кіло санти милли мілі деци деці микро мікро нано гекто",
        {
            "m": "метр метра метров метры метри метрів метрах",
            "g": "грамм грамма граммов граммы грам грама грамів",
            "l": "литр литра литров литры літр літра літрів літри",
        },
    ),
    ("千 公 毫 厘 釐 分 微 纳", {"m": "米 公尺", "g": "克 公克", "l": "升 公升"}),
    ("キロ センチ ミリ デシ マイクロ ナノ", {"m": "メートル", "g": "グラム", "l": "リットル"}),
    ("킬로 센티 밀리 데시 마이크로 나노", {"m": "미터", "g": "그램", "l": "리터"}),
    ("किलो सेंटी सेन्टी मिली", {"m": "मीटर", "g": "ग्राम", "l": "लीटर"}),
    ("কিলো সেন্টি মিলি", {"m": "মিটার", "g": "গ্রাম", "l": "লিটার"}),
    ("กิโล เซนติ มิลลิ", {"m": "เมตร", "g": "กรัม", "l": "ลิตร"}),
    (
        "كيلو سنتي سنتيم ملي ميلي کیلو سانتی میلی",
        {"m": "متر مترا مترًا أمتار", "g": "غرام جرام غرامات جرامات گرم", "l": "لتر لترات ليتر لیتر"},
    ),
    ("קילו סנטי מילי", {"m": "מטר מטרים", "g": "גרם", "l": "ליטר ליטרים"}),
    ("χιλιό κιλό εκατοστό χιλιοστό", {"m": "μετρο μετρα μέτρο μέτρα", "g": "γραμμάριο γραμμάρια", "l": "λίτρο λίτρα"}),
)
"""Prefixes of a language and its words for metre, gram and litre."""

_PREFIX_WORDS = {
    "k": "kilo kiló chilo quilô quilo кило кіло 千 キロ 킬로 किलो কিলো กิโล كيلو کیلو קילו χιλιό κιλό",
    "c": "centi centí centy zenti санти 厘 釐 センチ 센티 सेंटी सेन्टी সেন্টি เซนติ سنتي سانتی סנטי",
    "m": "milli mili milí милли мілі 毫 ミリ 밀리 मिली মিলি มิลลิ ملي ميلي میلی מילי",
    "d": "deci decí decy dezi деци деці 分 デシ 데시",
    "μ": "micro mikro микро мікро 微 マイクロ 마이크로",
    "n": "nano нано 纳 ナノ 나노",
    "h": "hecto hekto гекто",
}
_EXTRA = {
    "km": '公里 км كم ק"מ กม. χλμ कि.मी. किमी',
    "cm": '公分 см سم ס"מ ซม. εκ. εκατοστά εκατοστό सेमी centimetr centimetri sentimeter santimetre',
    "mm": "мм مم χιλιοστά मिमी",
    "m": "м",
    "dm": "дм",
    "kg": 'kilo kilos 公斤 кг кило كغ كجم ק"ג กก. κιλά κιλό किग्रा',
    "g": "г гр غ",
    "mg": "мг",
    "l": "л",
    "ml": "мл mL",
    "s": (
        "秒 秒钟 秒鐘 초 с сек секунда секунды секунд ثانية ثوان ثواني ثانیه שנייה שניות सेकंड सेकेंड "
        "সেকেন্ড วินาที giây saniye detik "
        "δευτερόλεπτο δευτερόλεπτα sekunde sekunden seconde secondes segundo segundos secondo secondi "
        "sekunda sekundy sekund sekunder seconden"
    ),
    "N": "Н",
    "kN": "кН",
    "kcal": "Cal",
    "J": "Дж",
    "kJ": "кДж",
    "W": "Вт",
    "kW": "кВт 千瓦",
    "Pa": "Па",
    "kPa": "кПа",
    "MPa": "МПа",
    "V": "В",
    "A": "А ампер 安 安培 アンペア",
    "Hz": "Гц",
}
"""Further spellings of units that the rules make."""


def _build() -> dict[str, Meaning]:
    meanings: dict[str, Meaning] = {}
    for symbol, (dimension, size, prefixes, words) in _SYMBOLS.items():
        kind, unit_size = _dimension(dimension), Fraction(size)
        for prefix in ("", *prefixes.split()):
            factor, spoken = _PREFIXES.get(prefix, ("1", ""))
            meaning = Meaning(prefix + symbol, kind, unit_size * Fraction(factor))
            for spelling in (symbol, *words.split()):
                meanings[(spoken if len(spelling) > 2 and spelling != symbol else prefix) + spelling] = meaning
    for name, (dimension, size, spellings) in _UNITS.items():
        meaning = Meaning(name, _dimension(dimension), Fraction(size))
        meanings.update(dict.fromkeys(spellings.split(), meaning))
    for prefix, written in (("", ""), *((key, word) for key, words in _PREFIX_WORDS.items() for word in words.split())):
        for allowed, stems in _LANGUAGES:
            if written in ("", *allowed.split()):
                for symbol, word in ((symbol, word) for symbol, words in stems.items() for word in words.split()):
                    meanings.setdefault(written + word, meanings.get(prefix + symbol, meanings[symbol]))
    for name, spellings in _EXTRA.items():
        meanings.update(dict.fromkeys(spellings.split(), meanings[name]))
    return meanings


MEANINGS = _build()

ALTERNATIVES = {
    "分": {"min", "cent", "eurocent"},
    "点": {"h"},
    "¥": {"yuan", "yen"},
    "$": {"cad", "aud", "nzd", "sgd", "hkd", "mxn", "peso"},
    "cent": {"eurocent"},
    "kr": {"sek", "nok", "dkk"},
    "peso": {"mxn"},
    "lb": {"£"},
    "°": {"°C", "°F"},
    "C": {"°C"},
    "F": {"°F"},
    "min": {"arcmin"},
    "s": {"arcsec"},
}
"""Names that may stand for another unit: ¥5 is 5 yuan or 5 yen. Neither `equal` nor `different` can be claimed."""
