module watch

go 1.21

require sockflow v0.0.0

replace sockflow => ../../go
