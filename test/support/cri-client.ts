/** What the kubelet asks of a runtime, for tests that are the kubelet themselves. */
import { Client, credentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

export interface CriClient {
  /** Rejects with what the runtime says is wrong. */
  call(name: keyof typeof methods, message: object): Promise<Record<string, unknown>>;
  close(): void;
}

export function connectCri(socket: string): CriClient {
  const client = new Client(`unix://${socket}`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
  });
  return { call: (name, message) => ask(client, name, message), close: () => client.close() };
}

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Meta { string name = 1; string uid = 2; string namespace = 3; uint32 attempt = 4; }
  message Linux { string cgroup_parent = 1; }
  message Dns { repeated string servers = 1; }
  message PodConfig { Meta metadata = 1; string hostname = 2; string log_directory = 3; Dns dns_config = 4; map<string, string> labels = 6; Linux linux = 8; }
  message RunPodSandbox { PodConfig config = 1; }
  message PodAnswer { string pod_sandbox_id = 1; }
  message ContainerMeta { string name = 1; uint32 attempt = 2; }
  message Image { string image = 1; }
  message ContainerConfig {
    ContainerMeta metadata = 1; Image image = 2; repeated string command = 3; map<string, string> labels = 9; string log_path = 11;
  }
  message CreateContainer { string pod_sandbox_id = 1; ContainerConfig config = 2; PodConfig sandbox_config = 3; }
  message ContainerAnswer { string container_id = 1; }
  message StartContainer { string container_id = 1; }
  message ContainerQuestion { string container_id = 1; }
  message ContainerStatus { int32 state = 3; }
  message ContainerStatusAnswer { ContainerStatus status = 1; }
  message StopPodSandbox { string pod_sandbox_id = 1; }
  message Sandbox { string id = 1; }
  message Sandboxes { repeated Sandbox items = 1; }
  message RemovePodSandbox { string pod_sandbox_id = 1; }
  message Nothing {}
`);
/** Of what a method is asked with, where it is not a message of that name. */
const questions: Readonly<Record<string, string>> = {
  ListPodSandbox: 'Nothing',
  ContainerStatus: 'ContainerQuestion',
  RemoveContainer: 'ContainerQuestion',
};
/** State of a container by runtime.v1. */
export const EXITED = 2;

const methods = {
  RunPodSandbox: 'PodAnswer',
  CreateContainer: 'ContainerAnswer',
  StartContainer: 'Nothing',
  ContainerStatus: 'ContainerStatusAnswer',
  RemoveContainer: 'Nothing',
  ListPodSandbox: 'Sandboxes',
  StopPodSandbox: 'Nothing',
  RemovePodSandbox: 'Nothing',
};

function ask(client: Client, name: keyof typeof methods, message: object): Promise<Record<string, unknown>> {
  const request = root.lookupType(questions[name] ?? name);
  const answer = root.lookupType(methods[name]);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/runtime.v1.RuntimeService/${name}`,
      (value: object) => Buffer.from(request.encode(request.fromObject(value)).finish()),
      (bytes: Buffer) => answer.toObject(answer.decode(bytes)),
      message,
      { deadline: Date.now() + 60_000 } as never,
      (error: Error | null, value?: Record<string, unknown>) => (error ? reject(error) : resolve(value ?? {})),
    );
  });
}
