"""Words that column names are recognised by, in many languages; compared in lower case without punctuation."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TIMESTAMPS = _words(
    """
    time timestamp ts datetime date dt t utc localtime gmt epoch unixtime unix when moment instant eventtime createdat
    created updatedat at timestampms timestamps timestampns timestampus timems times timens epochms epochs datehour
    keyasstring startedat occurredat recordedat measuredat observedat logtime eventdate reportdate period
    yearmonth week isoweek quarter
    fecha fechahora fechayhora marcadetiempo momento data dataora datahora dataehora hora
    datum zeit zeitpunkt zeitstempel uhrzeit datumzeit tijd tijdstip tidpunkt tid tidspunkt dato datotid klockslag
    horodatage dateheure heure instante dataeora aika aeg data czas znacznikczasu cas zaman tarih tarihsaat
    время дата датавремя датаивремя метка час дата_время ημερομηνία χρόνος ώρα
    日時 日付 時刻 時間 タイムスタンプ 年月日 时间 日期 时间戳 時間戳
    日期时间 日期時間 시간 일시 날짜 시각 타임스탬프 날짜시간
    التاريخ الوقت תאריך זמן समय दिनांक เวลา วันที่ thờigian ngày waktu tanggal idő dátum
    """
)
CLOCKS = _words(
    """
    time clock timeofday hour hora uhrzeit zeit tijd heure ora godzina час время 時刻 時間 时间 時 시간 시각 saat tid
    klockslag klokkeslett čas cas aika hhmm hhmmss
    """
)
HOURS = _words("hour hr hours h stunde heure hora ora uur 時 시 час")
YEARS, MONTHS, DAYS = frozenset({"year", "yr"}), frozenset({"month", "mo", "mon"}), frozenset({"day", "dayofmonth"})
MINUTES = frozenset({"minute", "min", "mins", "minutes"})
SECONDS = frozenset({"second", "sec", "secs", "seconds"})
INDEX = frozenset({"", "index", "id", "row", "rowid", "rownum", "rownumber", "rownames", "no", "nr", "num", "c0", "pk"})
TRUTH = _words(
    """
    label labels isanomaly anomaly anomalous isanomalous outlier isoutlier groundtruth truth y target class attack
    isattack fault isfault changepoint anomalylabel labelanomaly
    """
)
IDENTITY = _words(
    """
    host hostname server node instance machine vm pod container service app application job device deviceid sensor
    sensorid sensorname meter meterid station location site city country region zone store shop branch product sku item
    account customer user tenant client symbol ticker metric measure measurement variable name series seriesid unit
    channel tag interface asset assetid plant line cell file category group
    """
)

KEYS = _words("key phone phonenumber msisdn account accountid zip zipcode postcode imsi imei ip code")

_PUNCTUATION = re.compile(r"[\s_\-.@#:/()\[\]]+")


def plain(name: str) -> str:
    """Return a column name in lower case without spaces and punctuation."""
    return _PUNCTUATION.sub("", name.strip().lower())


def is_identifier(name: str) -> bool:
    """Whether a column of whole numbers with this name tells rows apart instead of measuring."""
    bare = plain(name)
    ends = name.strip().lower().endswith(("_id", " id", ".id", "-id")) or name.strip().endswith(("Id", "ID"))
    return bare in INDEX or bare.startswith("unnamed") or bare in ("uuid", "guid") or ends
