/** Paths as they are in the field, by runtime, driver and cgroup version, and what they say. */
import type { Placement } from '../../src/enrich/cgroup.ts';

export const id = '4f6d2a9b'.repeat(8);
const outer = 'e3b0c442'.repeat(8);
export const uid = '1f0e2d3c-aaaa-4bbb-8ccc-0123456789ab';
const escapedUid = uid.replaceAll('-', '_');
const hash = '0123456789abcdef0123456789abcdef';
const task = 'deadbeefdeadbeefdeadbeefdeadbeef';
const allocation = 'b9a0b1c2-1111-2222-3333-444455556666';

const pods = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${escapedUid}.slice`;

export const docker = { containerId: id, runtime: 'docker' };
const containerd = { containerId: id, runtime: 'containerd' };
const podman = { containerId: id, runtime: 'podman' };
const inPod = { ...containerd, podUid: uid };

type Row = readonly [what: string, path: string, expected: Partial<Placement>];

export const cgroupRows: readonly Row[] = [
  ['docker, systemd driver', `/system.slice/docker-${id}.scope`, docker],
  ['docker, cgroupfs driver', `/docker/${id}`, docker],
  ['docker, its own groups inside', `/docker/${id}/init`, docker],
  ['docker, systemd inside', `/system.slice/docker-${id}.scope/system.slice/nginx.service`, docker],
  ['docker, rootless', `/user.slice/user-1000.slice/user@1000.service/app.slice/docker-${id}.scope`, docker],
  ['docker, driver set up by halves', `/system.slice/docker.service/system.slice:docker:${id}`, docker],
  ['docker with --cgroup-parent', `/teams/blue/${id}`, { containerId: id }],
  ['docker in docker, cgroupfs', `/docker/${outer}/docker/${id}`, docker],
  ['docker in docker, systemd', `/system.slice/docker-${outer}.scope/system.slice/docker-${id}.scope`, docker],
  ['docker in docker, cgroup v2', `/system.slice/docker-${outer}.scope/docker/${id}`, docker],
  ['a step of docker build', '/docker/buildkit/k7ejhkpz7bgdh5y3xs2h6c5tp', {}],
  ['containerd in a pod, systemd, burstable', `${pods}/cri-containerd-${id}.scope`, inPod],
  [
    'containerd in a pod, systemd, guaranteed',
    `/kubepods.slice/kubepods-pod${escapedUid}.slice/cri-containerd-${id}.scope`,
    inPod,
  ],
  [
    'containerd in a pod, cgroupfs, best effort',
    `/kubepods/besteffort/pod${uid}/${id}`,
    { containerId: id, podUid: uid },
  ],
  ['containerd in a pod, cgroupfs, guaranteed', `/kubepods/pod${uid}/${id}`, { containerId: id, podUid: uid }],
  [
    'containerd in a pod, driver set up by halves',
    `/system.slice/containerd.service/kubepods-besteffort-pod${escapedUid}.slice:cri-containerd:${id}`,
    inPod,
  ],
  [
    'a static pod, systemd',
    `/kubepods.slice/kubepods-pod${hash}.slice/cri-containerd-${id}.scope`,
    { ...containerd, podUid: hash },
  ],
  ['a static pod, cgroupfs', `/kubepods/burstable/pod${hash}/${id}`, { containerId: id, podUid: hash }],
  ['docker in a pod', `/kubepods.slice/kubepods-pod${escapedUid}.slice/docker-${id}.scope`, { ...docker, podUid: uid }],
  ['docker in docker in a pod', `/kubepods/burstable/pod${uid}/${outer}/docker/${id}`, { ...docker, podUid: uid }],
  ['microk8s', `/kubepods/burstable/pod${uid}/${id}`, { containerId: id, podUid: uid }],
  ['k3s', `${pods}/cri-containerd-${id}.scope`, inPod],
  [
    'k3d, k3s in docker, cgroup v1',
    `/docker/${outer}/kubepods/besteffort/pod${uid}/${id}`,
    { containerId: id, podUid: uid },
  ],
  [
    'kind, cgroup v2',
    `/system.slice/docker-${outer}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${escapedUid}.slice/cri-containerd-${id}.scope`,
    inPod,
  ],
  ['kind, cgroup v1', `/docker/${outer}/kubelet/kubepods/besteffort/pod${uid}/${id}`, { containerId: id, podUid: uid }],
  ['kind, outside its pods', `/system.slice/docker-${id}.scope/kubelet.slice/kubelet.service`, docker],
  ['CRI-O, systemd', `${pods}/crio-${id}.scope`, { containerId: id, runtime: 'cri-o', podUid: uid }],
  ['CRI-O, with crun', `${pods}/crio-${id}.scope/container`, { containerId: id, runtime: 'cri-o', podUid: uid }],
  ['CRI-O, cgroupfs', `/kubepods/burstable/pod${uid}/crio-${id}`, { containerId: id, runtime: 'cri-o', podUid: uid }],
  ['conmon of CRI-O, systemd', `${pods}/crio-conmon-${id}.scope`, {}],
  ['conmon of CRI-O, cgroupfs', `/kubepods/burstable/pod${uid}/crio-conmon-${id}`, {}],
  ['podman', `/machine.slice/libpod-${id}.scope`, podman],
  ['podman with crun', `/machine.slice/libpod-${id}.scope/container`, podman],
  ['podman, a pod of its own', `/machine.slice/machine-libpod_pod_${outer}.slice/libpod-${id}.scope`, podman],
  ['podman, rootless', `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container`, podman],
  ['podman, cgroupfs', `/libpod_parent/libpod-${id}`, podman],
  ['podman under systemd (Quadlet)', `/system.slice/web.service/libpod-payload-${id}`, podman],
  ['podman, systemd inside', `/machine.slice/libpod-${id}.scope/container/system.slice/nginx.service`, podman],
  ['conmon of podman, systemd', `/machine.slice/libpod-conmon-${id}.scope`, {}],
  ['conmon of podman, cgroupfs', '/libpod_parent/conmon', {}],
  ['nerdctl, systemd', `/system.slice/nerdctl-${id}.scope`, containerd],
  ['nerdctl, cgroupfs', `/default/${id}`, containerd],
  ['ctr', '/default/web', { containerId: 'web', runtime: 'containerd' }],
  ['deeper down default means nothing', '/default/web/deeper', {}],
  ['LXC 4 and later', '/lxc.payload.web/system.slice/nginx.service', { containerId: 'web', runtime: 'lxc' }],
  ['LXC 3', '/lxc.payload/web', { containerId: 'web', runtime: 'lxc' }],
  ['Proxmox', '/lxc/101/ns/system.slice/ssh.service', { containerId: '101', runtime: 'lxc' }],
  ['the monitor of LXC', '/lxc.monitor.web', {}],
  ['the monitor of LXC 3', '/lxc.monitor/web', {}],
  ['docker in LXC', `/lxc.payload.web/docker/${id}`, docker],
  [
    'systemd-nspawn as a service',
    '/machine.slice/systemd-nspawn@web\\x2d1.service/payload/system.slice/nginx.service',
    { containerId: 'web-1', runtime: 'systemd-nspawn' },
  ],
  [
    'systemd-nspawn from a shell',
    '/machine.slice/machine-web.scope/payload',
    { containerId: 'web', runtime: 'systemd-nspawn' },
  ],
  [
    'the supervisor of systemd-nspawn',
    '/machine.slice/systemd-nspawn@web.service/supervisor',
    { systemdUnit: 'systemd-nspawn@web.service' },
  ],
  ['a virtual machine of libvirt', '/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator', {}],
  [
    'Nomad, cgroup v2',
    `/nomad.slice/share.slice/${allocation}.web.scope`,
    { containerId: `${allocation}.web`, runtime: 'nomad' },
  ],
  ['Nomad, cgroup v1', `/nomad/share/${allocation}.web`, { containerId: `${allocation}.web`, runtime: 'nomad' }],
  ['docker of Nomad', `/nomad.slice/share.slice/docker-${id}.scope`, docker],
  ['Amazon ECS', `/ecs/${task}/${id}`, docker],
  ['Amazon ECS with the name of the cluster', `/ecs/blue/${task}/${id}`, docker],
  ['Amazon Fargate', `/ecs/${task}/${task}-2531612879`, { containerId: `${task}-2531612879`, runtime: 'containerd' }],
  ['a job of a GitHub runner', `/actions_job/${id}`, docker],
  ['a service', '/system.slice/nginx.service', { systemdUnit: 'nginx.service' }],
  [
    'a service in a slice of its own',
    '/system.slice/system-getty.slice/getty@tty1.service',
    { systemdUnit: 'getty@tty1.service' },
  ],
  ['a service with groups of its own', '/system.slice/php-fpm.service/pool-a', { systemdUnit: 'php-fpm.service' }],
  [
    "a user's service",
    '/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service',
    { systemdUnit: 'sync.service' },
  ],
  [
    "a user's program",
    '/user.slice/user-1000.slice/user@1000.service/app.slice/app-browser-77.scope',
    { systemdUnit: 'user@1000.service' },
  ],
  ['a service whose name systemd had to escape', '/system.slice/_cgroup.service', { systemdUnit: 'cgroup.service' }],
  ['a session', '/user.slice/user-1000.slice/session-3.scope', {}],
  ['the root', '/', {}],
  ['digits that no runtime makes', `/system.slice/build-${id}.scope`, {}],
  ['too few digits', '/docker/4f6d2a9b', {}],
  ['names of objects', '/__proto__/constructor', {}],
];
