/**
 * What is in the lab's images. Everything that decides about their content is in this file and in
 * `files/`: its hash is the images' tag, so a change of a recipe is a new image.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ImageConfig } from './archive.ts';

/** Debian release of every image. */
export const suite = 'bookworm';
/** The PostgreSQL of that release. */
export const postgresMajor = '15';
/**
 * User and group of the official Debian image: a volume's files belong to the same user in both.
 */
export const postgresUid = 999;

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const postgresBin = `/usr/lib/postgresql/${postgresMajor}/bin`;

/**
 * Never unpacked: documentation, translations, and the just-in-time compiler of PostgreSQL (130
 * MB).
 */
export const excludedPaths: readonly string[] = [
  '/usr/share/man/*',
  '/usr/share/doc/*',
  '/usr/share/info/*',
  '/usr/share/locale/*',
  '/usr/share/lintian/*',
  '/usr/lib/*/libLLVM*',
  '/usr/lib/*/libz3*',
  `/usr/lib/postgresql/*/lib/bitcode/*`,
  `/usr/lib/postgresql/*/lib/llvmjit*`,
];

/** Not in any layer (folders stay, empty): caches, logs and what the kubelet provides. */
export const unwanted: readonly string[] = [
  'dev',
  'proc',
  'sys',
  'run',
  'tmp',
  'etc/hostname',
  'etc/resolv.conf',
  'etc/ssl/private',
  'usr/sbin/policy-rc.d',
  'var/cache',
  'var/lib/apt',
  'var/lib/systemd',
  'var/log',
  'var/tmp',
];

const storageTools = [
  'e2fsprogs',
  'xfsprogs',
  'util-linux',
  'mount',
  'fuse3',
  'libnbd-bin',
  'nbd-client',
  'nbdkit',
  'qemu-utils',
  'procps',
  'iproute2',
];

const install = 'apt-get install --yes --no-install-recommends --quiet';

/** Shell scripts that are run as root inside the Debian base. */
export const scripts = {
  busybox: `${install} busybox-static`,
  tools: `${install} ${storageTools.join(' ')}`,
  postgres: [
    `groupadd --system --gid ${postgresUid} postgres`,
    `useradd --system --gid ${postgresUid} --uid ${postgresUid} --home-dir /var/lib/postgresql --shell /bin/bash postgres`,
    'mkdir -p /etc/postgresql-common',
    'echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf',
    `${install} postgresql-${postgresMajor} libnss-wrapper locales xz-utils zstd`,
    'localedef --inputfile en_US --force --charmap UTF-8 en_US.UTF-8',
    'rm -rf /usr/share/i18n',
    // As the official image: a server in a container that listens to itself only is of no use.
    `sed -i "s/^#\\?listen_addresses .*/listen_addresses = '*'/" /usr/share/postgresql/${postgresMajor}/postgresql.conf.sample`,
    'rm -rf /var/run/postgresql',
    'mkdir -p /docker-entrypoint-initdb.d /var/lib/postgresql/data',
    'chown -R postgres:postgres /var/lib/postgresql',
    'chmod 1777 /var/lib/postgresql/data',
  ].join('\n'),
} as const;

export const configs = {
  pause: { Env: [`PATH=${defaultPath}`], Cmd: ['/bin/busybox', 'sleep', 'infinity'] },
  tools: { Env: [`PATH=${defaultPath}`, 'LANG=C.UTF-8'], Cmd: ['/bin/bash'] },
  localPathProvisioner: { Env: [`PATH=${defaultPath}`], Cmd: ['local-path-provisioner'] },
  postgres: {
    Env: [
      // First, because Debian has wrappers of the same names that look for clusters in /etc.
      `PATH=${postgresBin}:${defaultPath}`,
      'LANG=en_US.utf8',
      `PG_MAJOR=${postgresMajor}`,
      'PGDATA=/var/lib/postgresql/data',
    ],
    Entrypoint: ['docker-entrypoint.sh'],
    Cmd: ['postgres'],
    // Fast shutdown: sessions are ended, then a clean stop. The default, SIGTERM, waits for every
    // session.
    StopSignal: 'SIGINT',
    ExposedPorts: { '5432/tcp': {} },
    Volumes: { '/var/lib/postgresql/data': {} },
  },
} as const satisfies Record<string, ImageConfig>;

export const filesFolder: string = path.join(import.meta.dirname, 'files');

/** Twelve digits of the hash over the given parts, the platform and the way layers are written. */
export function recipeHash(...parts: readonly unknown[]): string {
  const hash = createHash('sha256');
  const common = [formatVersion, process.arch, suite, excludedPaths, unwanted];
  hash.update(JSON.stringify([...common, ...parts]));
  return hash.digest('hex').slice(0, 12);
}

/** Raised when the code that writes layers or archives changes what comes out. */
const formatVersion = 2;

export function fileText(name: string): string {
  return readFileSync(path.join(filesFolder, name), 'utf8');
}
