module sockflow/otlp-definitions

go 1.24.0

require (
	go.opentelemetry.io/proto/otlp v1.10.0
	google.golang.org/protobuf v1.36.11
)
