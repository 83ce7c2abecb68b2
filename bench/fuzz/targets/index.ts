import type { Target } from '../lib/target.ts';
import { args } from './arguments.ts';
import { cgroup } from './cgroup.ts';
import { config } from './config.ts';
import { cri } from './cri.ts';
import { dns } from './dns.ts';
import { dnsStream } from './dns-stream.ts';
import { docker } from './docker.ts';
import { filter } from './filter.ts';
import { kubeconfig } from './kubeconfig.ts';
import { kubernetes } from './kubernetes.ts';
import { mmdb } from './mmdb.ts';
import { options } from './options.ts';
import { otlp } from './otlp.ts';
import { proc } from './proc.ts';
import { recording } from './recording.ts';
import { spool } from './spool.ts';
import { tlv } from './tlv.ts';
import { wire } from './wire.ts';

export const targets: readonly Target[] = [
  wire,
  recording,
  dns,
  dnsStream,
  args,
  cgroup,
  proc,
  cri,
  docker,
  kubernetes,
  kubeconfig,
  config,
  options,
  filter,
  mmdb,
  tlv,
  spool,
  otlp,
];
