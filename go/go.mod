module sockflow

go 1.21
