import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { knownModuleOptions, knownSysctls } from '../../../components/rules/tuning.ts';
import { repositoryRoot } from '../../../lab/base/paths.ts';
import { ShellBench } from './shell-bench.ts';
import { bareShelf, problemsIn, type Raw, shelfOf } from './support.ts';

const profile = (change: Raw): Raw => bareShelf({ tuning: [{ name: 'nas', ...change }] });

interface Refusal {
  readonly when: string;
  readonly raw: Raw;
  readonly path: string;
  readonly found: RegExp;
  readonly todo: RegExp;
}

const refusals: readonly Refusal[] = [
  {
    when: 'a kernel setting is not known to help',
    raw: profile({ sysctls: { 'kernel.panic': 10 } }),
    path: 'larder:tuning[0].sysctls.kernel.panic',
    found: /whose effect on storage is not known/,
    todo: /by hand/,
  },
  {
    when: 'a kernel setting is misspelt',
    raw: profile({ sysctls: { 'vm.swapiness': 10 } }),
    path: 'larder:tuning[0].sysctls.vm.swapiness',
    found: /vm\.swapiness/,
    todo: /did you mean vm\.swappiness\?/,
  },
  {
    when: 'a value is out of its bounds',
    raw: profile({ sysctls: { 'vm.swappiness': 300 } }),
    path: 'larder:tuning[0].sysctls.vm.swappiness',
    found: /^300$/,
    todo: /that form/,
  },
  {
    when: 'a value has another form',
    raw: profile({ sysctls: { 'net.ipv4.tcp_rmem': '16777216' } }),
    path: 'larder:tuning[0].sysctls.net.ipv4.tcp_rmem',
    found: /^16777216$/,
    todo: /that form/,
  },
  {
    when: 'an option of a module is not known',
    raw: profile({ modules: { nfs: { wombat: 1 } } }),
    path: 'larder:tuning[0].modules.nfs.wombat',
    found: /nfs\.wombat/,
    todo: /by hand/,
  },
  {
    when: 'a node is not there',
    raw: profile({ nodes: ['kube09'] }),
    path: 'larder:tuning[0].nodes',
    found: /kube09, which is no node/,
    todo: /under larder:nodes/,
  },
  {
    when: 'two profiles set one thing on one node',
    raw: bareShelf({
      tuning: [
        { name: 'a', sysctls: { 'vm.swappiness': 1 } },
        { name: 'b', nodes: ['kube02'], sysctls: { 'vm.swappiness': 2 } },
      ],
    }),
    path: 'larder:tuning[1]',
    found: /vm\.swappiness on kube02, which larder:tuning\[0\] sets too/,
    todo: /into one profile/,
  },
  {
    when: 'two profiles have one name',
    raw: bareShelf({ tuning: [{ name: 'a' }, { name: 'a' }] }),
    path: 'larder:tuning[1].name',
    found: /^a, which larder:tuning\[0\]\.name is already$/,
    todo: /another name/,
  },
];

describe('tuning of nodes', () => {
  for (const { when, raw, path: where, found, todo } of refusals) {
    it(`is refused when ${when}`, () => {
      const problems = problemsIn(raw);
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [where],
      );
      assert.match(problems[0]?.found ?? '', found);
      assert.match(problems[0]?.todo ?? '', todo);
    });
  }

  it('is for the nodes and the kinds of disks that it names', () => {
    const raw = profile({ nodes: ['kube02'], disks: { kinds: ['ssd'], readAheadKiB: 8192 } });
    const [resolved] = shelfOf(raw).tuning;
    assert.deepEqual(resolved?.nodes, ['kube02']);
    assert.deepEqual(
      resolved.disks.map((disk) => disk.node),
      ['kube02'],
    );
    const [none] = shelfOf(profile({ disks: { kinds: ['hdd'] } })).tuning;
    assert.deepEqual(none?.disks, []);
  });

  it('is documented setting by setting, with its reason', () => {
    const page = readFileSync(path.join(repositoryRoot, 'docs/components/node-tuning.md'), 'utf8');
    const known = { ...knownSysctls, ...knownModuleOptions };
    for (const [key, { form, reason }] of Object.entries(known))
      assert.ok(page.includes(`| \`${key}\` | ${form} | ${reason} |`), key);
  });
});

describe('script tune', () => {
  /** The node's folders as far as the script touches them. */
  class Node implements Disposable {
    readonly bench = new ShellBench('missing');
    constructor() {
      const folders = ['proc/sys/vm', 'proc/1', 'sys/dev/block/8:1', 'sys/dev/block/queue'];
      for (const folder of [...folders, 'notes', 'modprobe', 'wanted'])
        mkdirSync(this.bench.file(folder), { recursive: true });
      this.write('proc/sys/vm/swappiness', '60');
      this.write('proc/1/mountinfo', '30 1 8:1 / /mnt/ssd rw - ext4 /dev/sda1 rw');
      this.write('sys/dev/block/8:1/partition', '1');
      this.write('sys/dev/block/queue/scheduler', 'none [bfq] mq-deadline');
      this.write('sys/dev/block/queue/read_ahead_kb', '128');
      for (const file of ['sysctls', 'modules'])
        writeFileSync(this.bench.file(`wanted/${file}`), '');
    }
    write(file: string, text: string): void {
      writeFileSync(this.bench.file(file), `${text}\n`);
    }
    read(file: string): string {
      return readFileSync(this.bench.file(file), 'utf8').trim();
    }
    /** Sets, runs `meanwhile` in its first pause, and is asked to end in the second. */
    tune(meanwhile = ':') {
      const { bench } = this;
      bench.program(
        'sleep',
        `if [ -e ${bench.file('slept')} ]; then kill -TERM $PPID; else : > ${bench.file('slept')}; ${meanwhile}; fi`,
      );
      return bench.run(['tune'], {
        PROFILE: 'nas',
        SYS: bench.file('sys'),
        PROC: bench.file('proc'),
        NOTES: bench.file('notes'),
        MODPROBE: bench.file('modprobe'),
        WANTED: bench.file('wanted'),
        TERMINATION: bench.file('reason'),
      });
    }
    [Symbol.dispose](): void {
      this.bench[Symbol.dispose]();
    }
  }

  it('sets what is wanted, verifies it, and puts back what was there', () => {
    using node = new Node();
    node.write('wanted/sysctls', 'vm.swappiness 10');
    node.write('wanted/disks.kube01', '/mnt/ssd - 8192');
    node.write('wanted/modules', 'options nfs max_session_slots=128');
    const seen = node.bench.file('seen');
    const { code, out } = node.tune(
      `cat ${['proc/sys/vm/swappiness', 'sys/dev/block/queue/read_ahead_kb', 'modprobe/larder-nas.conf'].map((file) => node.bench.file(file)).join(' ')} > ${seen}`,
    );
    assert.equal(code, 0, out);
    assert.equal(readFileSync(seen, 'utf8'), '10\n8192\noptions nfs max_session_slots=128\n');
    assert.match(out, /set vm\.swappiness to 10 on kube01/);
    assert.match(out, /set the read-ahead of \/mnt\/ssd to 8192/);
    assert.equal(node.read('proc/sys/vm/swappiness'), '60');
    assert.equal(node.read('sys/dev/block/queue/read_ahead_kb'), '128');
    assert.equal(existsSync(node.bench.file('modprobe/larder-nas.conf')), false);
    assert.deepEqual(readdirSync(node.bench.file('notes/nas')), []);
  });

  it('sets again what somebody changed, and still puts back what was there first', () => {
    using node = new Node();
    node.write('wanted/sysctls', 'vm.swappiness 10');
    const { out } = node.tune(`echo 99 > ${node.bench.file('proc/sys/vm/swappiness')}`);
    assert.match(out, /was changed to 99 by somebody else; setting 10 again/);
    assert.equal(node.read('proc/sys/vm/swappiness'), '60');
  });

  it('ends with the reason when the kernel makes something else of a value', () => {
    using node = new Node();
    // A file of names, one in brackets, does not become what is written into it.
    node.write('wanted/disks.kube01', '/mnt/ssd [x] -');
    const { code } = node.tune();
    assert.equal(code, 1);
    assert.match(node.read('reason'), /REFUSED: kube01 made x of \[x\] for the scheduler/);
  });

  it('ends with the reason when a setting or a disk is not there', () => {
    using node = new Node();
    node.write('wanted/sysctls', 'sunrpc.tcp_slot_table_entries 128');
    assert.equal(node.tune().code, 1);
    assert.match(
      node.read('reason'),
      /kube01 has no sunrpc\.tcp_slot_table_entries .*module loaded\?/,
    );
    using other = new Node();
    other.write('wanted/disks.kube01', '/mnt/none none -');
    assert.equal(other.tune().code, 1);
    assert.match(other.read('reason'), /no disk is mounted at \/mnt\/none/);
  });
});
