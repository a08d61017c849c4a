# Presence texts. $title is the title of an appointment, $state one of the states below, $until one of the phrases below,
# $next what comes next; $time, $weekday and $date are written by the messages of this file.

state-available = Ledig
state-busy = Optaget
state-away = Ikke til stede
state-dnd = Vil ikke forstyrres
state-unknown = Ukendt

text-state-title-until = { $state }: { $title } { $until }
text-state-title = { $state }: { $title }
text-title-until = { $title } { $until }
text-title = { $title }
text-state-until = { $state } { $until }
text-state = { $state }
text-with-next = { $text } ({ $next })

until-time = indtil kl. { $time }
until-weekday = indtil { $weekday } kl. { $time }
until-date = indtil { $date }
until-midnight = indtil midnat
until-end-of-weekday = til og med { $weekday }
until-end-of-date = til og med { $date }

# $hour is without, $hour2 with a leading zero; $period is am or pm.
time-24h = { $hour2 }.{ $minute }
time-12h = { $hour }.{ $minute } { $period }
time-12h-full = { $hour } { $period }

# $year is given with a date of another year.
date = { $day }. { $month }
date-year = { $day }. { $month } { $year }

weekday-1 = mandag
weekday-2 = tirsdag
weekday-3 = onsdag
weekday-4 = torsdag
weekday-5 = fredag
weekday-6 = lørdag
weekday-7 = søndag

month-1 = januar
month-2 = februar
month-3 = marts
month-4 = april
month-5 = maj
month-6 = juni
month-7 = juli
month-8 = august
month-9 = september
month-10 = oktober
month-11 = november
month-12 = december
