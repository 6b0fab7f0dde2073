/** A stack file with every application and every kind of backup, for the tests of both. */
import { homelabConfig } from './record.ts';

export const secretValues = {
  'offsite-key': 'a-secret-that-no-golden-may-show-1',
  'offsite-secret': 'a-secret-that-no-golden-may-show-2',
  'offsite-password': 'a-secret-that-no-golden-may-show-3',
  'agent-token': 'a-secret-that-no-golden-may-show-4',
  'mirror-token': 'a-secret-that-no-golden-may-show-5',
} as const;

const house = {
  nodes: [
    {
      name: 'kube01',
      roles: ['server', 'worker', 'storage'],
      disks: [{ mount: '/mnt/nvme', kind: 'nvme' }],
    },
    { name: 'kube02', disks: [{ mount: '/mnt/nvme', kind: 'nvme' }] },
    {
      name: 'kube03',
      disks: [
        { mount: '/mnt/nvme', kind: 'nvme' },
        { mount: '/mnt/usb', kind: 'usb', uuid: '6d2b-44f1' },
      ],
    },
  ],
  volumes: [
    { name: 'agent-embeddings', size: '50Gi', node: 'kube02', labels: { owner: 'agent' } },
    {
      name: 'scans',
      size: '1Gi',
      node: 'kube02',
      adopt: 'old/scans',
      reclaim: 'Retain',
      backup: { skip: 'made again from the paper originals' },
    },
    { name: 'photos', size: '100Gi', node: 'kube03', disk: 'nvme', restore: 'latest' },
  ],
  postgres: [
    {
      name: 'forge',
      size: '5Gi',
      node: 'kube01',
      database: 'gitea',
      user: 'gitea',
      dumps: { node: 'kube02' },
      restore: 'latest',
    },
  ],
  gitea: [
    {
      name: 'forge',
      size: '20Gi',
      node: 'kube01',
      domain: 'git.home.arpa',
      database: 'forge',
      mirror: { url: 'https://git.example.org', owner: 'me', token: 'mirror-token' },
    },
  ],
  loki: [
    {
      name: 'logs',
      size: '50Gi',
      node: 'kube02',
      backup: { skip: 'logs are not worth a second place' },
    },
  ],
  homeAssistant: [
    { name: 'home', size: '10Gi', node: 'kube02', timeZone: 'Europe/Berlin', hostNetwork: true },
  ],
  datasets: [
    {
      name: 'vectors',
      size: '20Gi',
      node: 'kube02',
      writer: { image: 'registry.example.org/generator:1.4.2', args: ['--full'] },
      backup: { target: 'drive' },
    },
  ],
  apps: [
    {
      name: 'agent',
      image: 'registry.example.org/agent:2.0.1',
      env: { EMBEDDINGS_PATH: '/agent-storage' },
      secretEnv: { AGENT_TOKEN: 'agent-token' },
      volumes: [{ volume: 'agent-embeddings', path: '/agent-storage' }],
      ports: [{ name: 'http', port: 8080 }],
      healthPath: '/healthz',
      resources: { cpu: '500m', memory: '2Gi', memoryLimit: '4Gi' },
    },
    {
      name: 'inference',
      image: 'registry.example.org/inference:2.0.1',
      user: 1000,
      replicas: 5,
      datasets: [{ dataset: 'vectors', path: '/vectors' }],
      ports: [{ name: 'http', port: 8080 }],
    },
  ],
  backupTargets: [
    {
      name: 'offsite',
      kind: 's3',
      endpoint: 'https://s3.example.org',
      bucket: 'larder-home',
      accessKey: 'offsite-key',
      secretKey: 'offsite-secret',
      password: 'offsite-password',
      offSite: true,
      immutable: true,
    },
    { name: 'drive', kind: 'drive', node: 'kube03', disk: 'usb', password: 'offsite-password' },
  ],
  backupSchedule: { scratch: 'scratch', k3s: { datastore: 'sqlite' } },
  secrets: secretValues,
};

export const houseConfig = (): Record<string, unknown> => ({ ...homelabConfig(), ...house });
