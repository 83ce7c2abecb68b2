// Writes the official definitions of OTLP's messages, as OpenTelemetry's own Go module has them compiled in
// (google.protobuf.FileDescriptorSet), to stdout.
package main

import (
	"os"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	known := map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if known[file.Path()] {
			return
		}
		known[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	add(logs.File_opentelemetry_proto_logs_v1_logs_proto)
	add(metrics.File_opentelemetry_proto_metrics_v1_metrics_proto)
	add(trace.File_opentelemetry_proto_trace_v1_trace_proto)
	bytes, err := proto.Marshal(set)
	if err == nil {
		_, err = os.Stdout.Write(bytes)
	}
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
