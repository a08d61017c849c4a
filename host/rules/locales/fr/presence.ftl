# Presence texts. $title is the title of an appointment, $state one of the states below, $until one of the phrases below,
# $next what comes next; $time, $weekday and $date are written by the messages of this file.

state-available = Disponible
state-busy = Occupé
state-away = Absent
state-dnd = Ne pas déranger
state-unknown = Inconnu

text-state-title-until = { $state }{ "\u00A0" }: { $title } { $until }
text-state-title = { $state }{ "\u00A0" }: { $title }
text-title-until = { $title } { $until }
text-title = { $title }
text-state-until = { $state } { $until }
text-state = { $state }
text-with-next = { $text } ({ $next })

until-time = jusqu’à { $time }
until-weekday = jusqu’à { $weekday } { $time }
until-date = jusqu’au { $date }
until-midnight = jusqu’à minuit
until-end-of-weekday = jusqu’à { $weekday } inclus
until-end-of-date = jusqu’au { $date } inclus

# $hour is without, $hour2 with a leading zero; $period is am or pm.
time-24h = { $hour2 }:{ $minute }
time-12h = { $hour }:{ $minute } { $period }
time-12h-full = { $hour } { $period }

# $year is given with a date of another year.
date = { $day ->
        [1] 1er
       *[other] { $day }
    } { $month }
date-year = { $day ->
        [1] 1er
       *[other] { $day }
    } { $month } { $year }

weekday-1 = lundi
weekday-2 = mardi
weekday-3 = mercredi
weekday-4 = jeudi
weekday-5 = vendredi
weekday-6 = samedi
weekday-7 = dimanche

month-1 = janvier
month-2 = février
month-3 = mars
month-4 = avril
month-5 = mai
month-6 = juin
month-7 = juillet
month-8 = août
month-9 = septembre
month-10 = octobre
month-11 = novembre
month-12 = décembre
