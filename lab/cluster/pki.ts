/**
 * Keys and certificates of the cluster: two authorities, one for the cluster and one for the API
 * server's front proxy (never the same, or any client could pose as the proxy), and what Kubernetes
 * asks for below them (kubernetes.io, "PKI certificates and requirements"). ECDSA P-256 throughout.
 */
import 'reflect-metadata';
import { KeyObject, randomBytes, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { addresses } from './addresses.ts';
import { writeKubeconfig } from './kubeconfig.ts';

export interface PkiNode {
  readonly name: string;
  readonly address: string;
}

interface Issued {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

interface Authority extends Issued {
  readonly name: JsonName;
  readonly keys: webcrypto.CryptoKeyPair;
}

interface Subject {
  readonly commonName: string;
  readonly organization?: string;
}

interface ServerNames {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

/** A lab may be kept for long and nothing renews its certificates. */
const validityDays = 3650;
const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signature = { name: 'ECDSA', hash: 'SHA-256' } as const;

/**
 * Files and kubeconfigs of a whole cluster in `folder`; nothing happens when they are there
 * already.
 */
export async function ensurePki(folder: string, nodes: readonly PkiNode[]): Promise<void> {
  if (existsSync(folder)) return;
  const unfinished = `${folder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  await writePki(unfinished, nodes);
  renameSync(unfinished, folder);
}

async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await generateKeys();
  const name = nameOf({ commonName });
  const certificate = await X509CertificateGenerator.create({
    ...validity(),
    serialNumber: serialNumber(),
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: signature,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { name, keys, certificate: pemFile(certificate.toString('pem')), key: privatePem(keys) };
}

/** With `server` names it is a server's certificate, without them a client's. */
async function issue(
  authority: Authority,
  subject: Subject,
  server?: ServerNames,
): Promise<Issued> {
  const keys = await generateKeys();
  const usage = server === undefined ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth;
  const certificate = await X509CertificateGenerator.create({
    ...validity(),
    serialNumber: serialNumber(),
    subject: nameOf(subject),
    issuer: authority.name,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: signature,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      ...(server === undefined ? [] : [alternativeNames(server)]),
    ],
  });
  return { certificate: pemFile(certificate.toString('pem')), key: privatePem(keys) };
}

async function writePki(folder: string, nodes: readonly PkiNode[]): Promise<void> {
  const authority = await createAuthority('lab-ca');
  const proxyAuthority = await createAuthority('lab-front-proxy-ca');
  const write = (name: string, { certificate, key }: Issued) => {
    writeFileSync(path.join(folder, `${name}.crt`), certificate);
    writeFileSync(path.join(folder, `${name}.key`), key, { mode: 0o600 });
  };
  const client = async (name: string, subject: Subject) => {
    const content = { server: `https://${addresses.api}:${addresses.apiPort}`, context: 'lab' };
    const issued = await issue(authority, subject);
    writeKubeconfig(path.join(folder, `${name}.kubeconfig`), {
      ...content,
      ...issued,
      user: name,
      authority: authority.certificate,
    });
  };
  write('ca', authority);
  write('front-proxy-ca', proxyAuthority);
  write('front-proxy-client', await issue(proxyAuthority, { commonName: 'front-proxy-client' }));
  write('apiserver', await issue(authority, { commonName: 'kube-apiserver' }, apiServerNames));
  const masters = { organization: 'system:masters' };
  write(
    'apiserver-kubelet-client',
    await issue(authority, { commonName: 'kube-apiserver-kubelet-client', ...masters }),
  );
  write('admin', await issue(authority, { commonName: 'lab-admin', ...masters }));
  await client('controller-manager', { commonName: 'system:kube-controller-manager' });
  await client('scheduler', { commonName: 'system:kube-scheduler' });
  await client('kube-proxy', { commonName: 'system:kube-proxy' });
  await client('coredns', { commonName: 'lab-coredns' });
  for (const node of nodes) {
    const subject = { commonName: `system:node:${node.name}`, organization: 'system:nodes' };
    await client(node.name, subject);
    const names = { dns: [node.name], ip: [node.address] };
    write(`kubelet-${node.name}`, await issue(authority, subject, names));
  }
  const account = await generateKeys();
  writeFileSync(path.join(folder, 'sa.key'), privatePem(account), { mode: 0o600 });
  const accountPublic = KeyObject.from(account.publicKey);
  writeFileSync(path.join(folder, 'sa.pub'), accountPublic.export({ type: 'spki', format: 'pem' }));
}

const apiServerNames: ServerNames = {
  ip: ['127.0.0.1', addresses.api, addresses.apiService],
  dns: [
    'localhost',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ],
};

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
}

/** Organization first: the order kubeadm uses, and the one people expect to read. */
function nameOf({ commonName, organization }: Subject): JsonName {
  return [...(organization === undefined ? [] : [{ O: [organization] }]), { CN: [commonName] }];
}

function alternativeNames({ dns, ip }: ServerNames): SubjectAlternativeNameExtension {
  const names: JsonGeneralName[] = [
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...ip.map((value) => ({ type: 'ip' as const, value })),
  ];
  return new SubjectAlternativeNameExtension(names);
}

/** An hour back: virtual machines of one household disagree about the time. */
function validity(): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now();
  return {
    notBefore: new Date(nowMs - 3_600_000),
    notAfter: new Date(nowMs + validityDays * 86_400_000),
  };
}

/** Positive and 126 bits of chance, as RFC 5280 §4.1.2.2 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function privatePem(keys: webcrypto.CryptoKeyPair): string {
  return KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
}

function pemFile(pem: string): string {
  return `${pem.trimEnd()}\n`;
}
