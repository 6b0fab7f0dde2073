import assert from 'node:assert/strict';
import {
  cgroupLayout,
  controllersToEnable,
  daemonGroups,
  missingControllers,
  nodeFolders,
} from '../../../../lab/cluster/cgroups.ts';

const hybrid = `25 20 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
27 25 0:24 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,clone_children
28 25 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
29 25 0:26 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
30 25 0:27 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids
31 25 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
32 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 20 0:30 / / rw - ext4 /dev/vda rw`;

const pure = `33 20 0:30 / / rw - ext4 /dev/vda rw
34 20 0:31 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot`;

describe('control group layout', () => {
  it('lists every hierarchy of version 1, the unified one last', () => {
    const layout = cgroupLayout(hybrid);
    assert.equal(layout.version, 1);
    assert.deepEqual(
      layout.hierarchies.map(({ mountPoint }) => mountPoint.replace('/sys/fs/cgroup/', '')),
      ['cpu,cpuacct', 'cpuset', 'memory', 'devices', 'pids', 'systemd', 'unified'],
    );
  });

  it('takes mount flags for no controllers', () => {
    const layout = cgroupLayout(hybrid);
    const controllers = layout.hierarchies.flatMap((hierarchy) => hierarchy.controllers);
    assert.deepEqual(controllers.toSorted(), [
      'cpu',
      'cpuacct',
      'cpuset',
      'devices',
      'memory',
      'name=systemd',
      'pids',
    ]);
  });

  it('has one hierarchy when only version 2 is mounted', () => {
    assert.deepEqual(cgroupLayout(pure), {
      version: 2,
      hierarchies: [{ mountPoint: '/sys/fs/cgroup', controllers: [] }],
    });
  });

  it('has none when nothing is mounted', () => {
    assert.deepEqual(cgroupLayout('33 20 0:30 / / rw - ext4 /dev/vda rw').hierarchies, []);
  });
});

describe('control group plan', () => {
  it('puts a node into every hierarchy of version 1, parents first', () => {
    const folders = nodeFolders(cgroupLayout(hybrid), 'larder', 'kube01');
    assert.equal(folders.length, 7 * 3);
    assert.deepEqual(folders.slice(0, 3), [
      '/sys/fs/cgroup/cpu,cpuacct/larder',
      '/sys/fs/cgroup/cpu,cpuacct/larder/kube01',
      '/sys/fs/cgroup/cpu,cpuacct/larder/kube01/sys',
    ]);
    assert.ok(folders.includes('/sys/fs/cgroup/systemd/larder/kube01'));
    assert.ok(folders.includes('/sys/fs/cgroup/unified/larder/kube01'));
  });

  it('puts a node into the one tree of version 2', () => {
    assert.deepEqual(nodeFolders(cgroupLayout(pure), 'larder', 'kube01'), [
      '/sys/fs/cgroup/larder',
      '/sys/fs/cgroup/larder/kube01',
      '/sys/fs/cgroup/larder/kube01/sys',
    ]);
  });

  it('counts the daemons of a node where something is counted', () => {
    assert.deepEqual(daemonGroups(cgroupLayout(hybrid), 'l', 'n'), [
      '/sys/fs/cgroup/cpu,cpuacct/l/n/sys/cgroup.procs',
      '/sys/fs/cgroup/memory/l/n/sys/cgroup.procs',
      '/sys/fs/cgroup/pids/l/n/sys/cgroup.procs',
    ]);
    assert.deepEqual(daemonGroups(cgroupLayout(pure), 'l', 'n'), [
      '/sys/fs/cgroup/l/n/sys/cgroup.procs',
    ]);
  });

  it('names the controllers that are missing', () => {
    const withoutMemory = hybrid.replace(/^28 .*\n/m, '').replace('cgroup rw,pids', 'cgroup rw');
    assert.deepEqual(missingControllers(cgroupLayout(hybrid), ''), []);
    assert.deepEqual(missingControllers(cgroupLayout(pure), 'cpuset cpu io pids'), ['memory']);
    // Without the memory hierarchy what is left is read as version 2, which then lacks everything
    // named.
    assert.ok(missingControllers(cgroupLayout(withoutMemory), 'cpu').includes('memory'));
  });

  it('switches on in version 2 what is available, wanted and not on yet', () => {
    assert.deepEqual(
      controllersToEnable('cpuset cpu io memory hugetlb pids rdma misc\n', 'cpu memory pids\n'),
      ['cpuset', 'hugetlb', 'io'],
    );
    assert.deepEqual(controllersToEnable('cpu memory', 'cpu memory'), []);
  });
});
