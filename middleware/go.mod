module example.com/coatcheck/middleware

go 1.26.0

require example.com/coatcheck v0.0.0

replace example.com/coatcheck => ../
