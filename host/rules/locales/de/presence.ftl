# Presence texts. $title is the title of an appointment, $state one of the states below, $until one of the phrases below,
# $next what comes next; $time, $weekday and $date are written by the messages of this file.

state-available = Verfügbar
state-busy = Beschäftigt
state-away = Abwesend
state-dnd = Nicht stören
state-unknown = Unbekannt

text-state-title-until = { $state }: { $title } { $until }
text-state-title = { $state }: { $title }
text-title-until = { $title } { $until }
text-title = { $title }
text-state-until = { $state } { $until }
text-state = { $state }
text-with-next = { $text } ({ $next })

until-time = bis { $time }
until-weekday = bis { $weekday } { $time }
until-date = bis { $date }
until-midnight = bis Mitternacht
until-end-of-weekday = bis einschließlich { $weekday }
until-end-of-date = bis einschließlich { $date }

# $hour is without, $hour2 with a leading zero; $period is am or pm.
time-24h = { $hour2 }:{ $minute }
time-12h = { $hour }:{ $minute } { $period }
time-12h-full = { $hour } { $period }

# $year is given with a date of another year.
date = { $day }. { $month }
date-year = { $day }. { $month } { $year }

weekday-1 = Montag
weekday-2 = Dienstag
weekday-3 = Mittwoch
weekday-4 = Donnerstag
weekday-5 = Freitag
weekday-6 = Samstag
weekday-7 = Sonntag

month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember
