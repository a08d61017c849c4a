# Presence texts. $title is the title of an appointment, $state one of the states below, $until one of the phrases below,
# $next what comes next; $time, $weekday and $date are written by the messages of this file.

state-available = Available
state-busy = Busy
state-away = Away
state-dnd = Do not disturb
state-unknown = Unknown

text-state-title-until = { $state }: { $title } { $until }
text-state-title = { $state }: { $title }
text-title-until = { $title } { $until }
text-title = { $title }
text-state-until = { $state } { $until }
text-state = { $state }
text-with-next = { $text } ({ $next })

until-time = until { $time }
until-weekday = until { $weekday } { $time }
until-date = until { $date }
until-midnight = until midnight
until-end-of-weekday = until the end of { $weekday }
until-end-of-date = until the end of { $date }

# $hour is without, $hour2 with a leading zero; $period is am or pm.
time-24h = { $hour2 }:{ $minute }
time-12h = { $hour }:{ $minute }{ $period }
time-12h-full = { $hour }{ $period }

# $year is given with a date of another year.
date = { $day } { $month }
date-year = { $day } { $month } { $year }

weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday

month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
