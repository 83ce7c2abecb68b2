/** Who can be asked for names: runtimes of containers, Kubernetes, the user's own files. */
import { existsSync } from 'node:fs';
import type { Options } from '../cli/options.ts';
import { createApi } from '../enrich/kubernetes/http.ts';
import { kubernetesAccess, kubernetesOptions } from '../enrich/kubernetes/index.ts';
import { createPlaces } from '../enrich/place.ts';
import { createRuntimes } from '../enrich/runtime/index.ts';
import type { Runtime } from '../enrich/runtime/runtime.ts';
import { StartError } from '../errors.ts';
import { Ledger } from '../ledger.ts';
import type { Log } from '../log.ts';
import type { Finding, Group } from './finding.ts';

/** Milliseconds for an answer. */
const DEADLINE = 5_000;
/** Of no container. */
const NOBODY = '0'.repeat(64);

export async function checkNames(options: Options, log: Log): Promise<Group> {
  const findings = await Promise.all([checkRuntimes(options), checkKubernetes(options, log)]);
  return { title: 'Names', findings: [...findings.flat(), ...checkFiles(options)] };
}

const containers = 'names, images and labels of containers';

async function checkRuntimes(options: Options): Promise<Finding[]> {
  if (!options.docker) return [{ name: 'container runtimes', state: 'off', purpose: containers, found: '--no-docker' }];
  const isGiven = options.dockerSocket.length + options.runtimeEndpoint.length > 0;
  const runtimes = createRuntimes(options).filter(({ socket }) => isGiven || existsSync(socket));
  if (runtimes.length > 0) return Promise.all(runtimes.map((runtime) => checkRuntime(runtime, isGiven)));
  const remedy = 'where one runs: --docker-socket or --runtime-endpoint, and mount the socket into a container';
  return [
    {
      name: 'container runtimes',
      state: 'off',
      purpose: containers,
      found: 'no socket in the usual places',
      lost: 'names; ids are known all the same',
      remedy,
    },
  ];
}

async function checkRuntime(runtime: Runtime, isNeeded: boolean): Promise<Finding> {
  const { name, socket } = runtime;
  const purpose = containers;
  try {
    await runtime.find(NOBODY, AbortSignal.timeout(DEADLINE));
    return { name, state: 'ok', purpose, found: socket };
  } catch (error) {
    const lost = 'names of its containers';
    const remedy = 'see that it runs, and that this user may use its socket';
    return {
      name,
      state: isNeeded ? 'missing' : 'partly',
      purpose,
      found: `${socket}: ${wordsOf(error)}`,
      lost,
      remedy,
    };
  }
}

async function checkKubernetes(options: Options, log: Log): Promise<Finding[]> {
  const purpose = 'pods and the workloads that own them';
  const name = 'Kubernetes';
  const isNeeded = options.kubernetes === 'api' || options.kubernetes === 'kubelet' || options.kubernetesPeers;
  const refused = (found: string, remedy: string): Finding[] => [
    {
      name,
      state: isNeeded ? 'missing' : 'off',
      purpose,
      found,
      lost: "workloads; a runtime's own names of pods remain",
      remedy,
    },
  ];
  if (options.kubernetes === 'none') return [{ name, state: 'off', purpose, found: 'nobody is to be asked' }];
  const given = kubernetesOptions(options, new Ledger(), log);
  try {
    const { kind, access } = kubernetesAccess(given);
    if (kind === 'kubelet' && !isNeeded && !given.isNode)
      return refused('this host is no node', 'none is needed where there is no Kubernetes');
    const api = createApi(access, { deadline: DEADLINE });
    const path = kind === 'api' ? '/api/v1/pods' : '/pods';
    await api.get(path, kind === 'api' ? { limit: '1' } : {}).finally(() => api.close());
    return [{ name, state: 'ok', purpose, found: `${kind} at ${access.server}` }];
  } catch (error) {
    if (error instanceof StartError) return refused(error.message, error.remedy);
    return refused(wordsOf(error), 'see examples/kubernetes.yaml for the rights that it takes');
  }
}

function checkFiles(options: Options): Finding[] {
  if (options.geoip.length === 0) return [];
  const common = { name: '--geoip', purpose: 'where public peers are', found: options.geoip.join(', ') };
  try {
    createPlaces({ networks: [], geoip: options.geoip, ledger: new Ledger(), warn: () => undefined });
    return [{ ...common, state: 'ok' }];
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return [{ ...common, state: 'missing', found: error.message, lost: 'places', remedy: error.remedy }];
  }
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'TimeoutError' ? `no answer within ${DEADLINE / 1000} s` : error.message;
}
