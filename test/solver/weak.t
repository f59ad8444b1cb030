repo system 0 empty
repo available 0 testtags <inline>
#>=Pkg: app 1 1 noarch
#>=Prv: app = 1-1
#>=Req: lib >= 2
#>=Rec: docs
#>=Pkg: lib 1 1 noarch
#>=Prv: lib = 1-1
#>=Pkg: lib 2 1 noarch
#>=Prv: lib = 2-1
#>=Pkg: docs 1 1 noarch
#>=Prv: docs = 1-1
system x86_64 rpm system

job install name app
result transaction,problems <inline>
#>install app-1-1.noarch@available
#>install docs-1-1.noarch@available
#>install lib-2-1.noarch@available

nextjob
solverflags ignorerecommended
job install name app
result transaction,problems <inline>
#>install app-1-1.noarch@available
#>install lib-2-1.noarch@available
