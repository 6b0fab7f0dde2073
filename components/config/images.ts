/**
 * The container images that the program declares, pinned by tag and digest, in one place that
 * Renovate reads. A stack may name others under `larder:images`; the lab does.
 */
export const defaultImages = {
  /** The official image; its contract: reference in docs/components/postgres.md. */
  // renovate: datasource=docker depName=postgres
  postgres:
    'docker.io/library/postgres:16.14-alpine3.24@sha256:57c72fd2a128e416c7fcc499958864df5301e940bca0a56f58fddf30ffc07777',
  /** A shell with the usual tools, for preparing directories. */
  // renovate: datasource=docker depName=busybox
  tools:
    'docker.io/library/busybox:1.37.0@sha256:bdf57e528e45e4433820e045b29b4597825a1c9e38353532d90a01445013f82e',
  // renovate: datasource=docker depName=rancher/local-path-provisioner
  localPathProvisioner:
    'docker.io/rancher/local-path-provisioner:v0.0.36@sha256:1eba82e9c386038b4af6d69cca7519fac738c28c42735ed48ce70c882ad0d80f',
  /** Newer ones ask for an interface that the kubelet of 1.36 does not speak. */
  // renovate: datasource=docker depName=registry.k8s.io/sig-storage/csi-provisioner
  csiProvisioner: 'registry.k8s.io/sig-storage/csi-provisioner:v6.3.0',
  // renovate: datasource=docker depName=registry.k8s.io/sig-storage/csi-attacher
  csiAttacher: 'registry.k8s.io/sig-storage/csi-attacher:v4.12.0',
  // renovate: datasource=docker depName=registry.k8s.io/sig-storage/csi-resizer
  csiResizer: 'registry.k8s.io/sig-storage/csi-resizer:v2.2.0',
  // renovate: datasource=docker depName=registry.k8s.io/sig-storage/csi-snapshotter
  csiSnapshotter: 'registry.k8s.io/sig-storage/csi-snapshotter:v8.6.0',
  /** Rootless. */
  // renovate: datasource=docker depName=gitea/gitea
  gitea:
    'docker.io/gitea/gitea:1.26.4-rootless@sha256:cd1d2614b403fc9b085fa52ceb4424dde9c4dcf5da8e3263abb27955562070c4',
  // renovate: datasource=docker depName=grafana/loki
  loki: 'docker.io/grafana/loki:3.7.8@sha256:1107dd5274e0ada47e42472b7a7e71f3b2a2fe878878108f3e2f9e51528f0193',
  // renovate: datasource=docker depName=ghcr.io/home-assistant/home-assistant
  homeAssistant:
    'ghcr.io/home-assistant/home-assistant:2026.9.4@sha256:3e6710a7ab2a61311d9d899b719f6c3657791c63e8f4942cec4ebc42401d6b76',
  // renovate: datasource=docker depName=restic/restic
  restic:
    'docker.io/restic/restic:0.19.1@sha256:136600b6ff6843d61d355f7f71f460a166429f35de6fd11b568fece3c9a4d510',
  // renovate: datasource=docker depName=restic/rest-server
  resticServer:
    'docker.io/restic/rest-server:0.14.0@sha256:d2aff06f47eb38637dff580c3e6bce4af98f386c396a25d32eb6727ec96214a5',
  /** For jobs written in TypeScript (components/jobs). */
  // renovate: datasource=docker depName=node
  node: 'docker.io/library/node:24.21.0-alpine@sha256:ebfe2f90462722a7a4de65e91990e97fe0d401c70e0e762c5b53302f905ec1c1',
} as const;
