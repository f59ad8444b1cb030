repo system 0 testtags <inline>
#>=Pkg: base 1 1 noarch
#>=Prv: base = 1-1
repo available 0 testtags <inline>
#>=Pkg: base 2 1 noarch
#>=Prv: base = 2-1
#>=Pkg: app 1 1 noarch
#>=Prv: app = 1-1
#>=Req: base >= 2
#>=Pkg: plain 1 1 noarch
#>=Prv: plain = 1-1
#>=Req: base
system x86_64 rpm system

job install name plain
job lock name base
result transaction,problems <inline>
#>install plain-1-1.noarch@available

nextjob
job install name app
job lock pkg base-1-1.noarch@system
result problems <inline>
#>problem e11cc9b0 info package app-1-1.noarch requires base >= 2, but none of the providers can be installed
#>problem e11cc9b0 solution 31b9297d deljob lock pkg base-1-1.noarch@system
#>problem e11cc9b0 solution 92446d57 deljob install name app
