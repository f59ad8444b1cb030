feature complex_deps
repo system 0 empty
repo available 0 testtags <inline>
#>=Pkg: app 1 1 noarch
#>=Prv: app = 1-1
#>=Req: plugin <IF> desktop
#>=Pkg: plugin 1 1 noarch
#>=Prv: plugin = 1-1
#>=Pkg: desktop 1 1 noarch
#>=Prv: desktop = 1-1
system x86_64 rpm system

job install name app
result transaction,problems <inline>
#>install app-1-1.noarch@available

nextjob
job install name app
job install name desktop
result transaction,problems <inline>
#>install app-1-1.noarch@available
#>install desktop-1-1.noarch@available
#>install plugin-1-1.noarch@available
