/** A row of the table = a test: the default, and each way by which a server database is chosen. */
import { deepEqual } from 'node:assert/strict';
import { applicationOf, databaseChoiceOf } from '../../../policies/applications/database-choice.ts';
import { databaseFileOf, databaseKindOf } from '../../../policies/applications/database-kind.ts';
import { applications } from '../../../policies/applications/table.ts';
import { World } from '../../../policies/model/world.ts';
import { type Inputs, object } from './support/given.ts';

interface Row {
  readonly application: string;
  readonly image: string;
  /** What it answers with no settings at all. */
  readonly byDefault: string;
  /** Settings as `NAME=value`, arguments as `--…`, files as `/path: text`, each with its answer. */
  readonly choices?: Readonly<Record<string, string>>;
}

const row = (
  application: string,
  image: string,
  byDefault: string,
  choices: Readonly<Record<string, string>> = {},
): Row => ({ application, image, byDefault, choices });

const rows: readonly Row[] = [
  row('Gitea', 'docker.gitea.com/gitea:1.24.6', 'sqlite'),
  row('Gitea', 'gitea/gitea:1.24.6-rootless', 'sqlite', {
    'GITEA__database__DB_TYPE=postgres': 'postgres',
    'GITEA__database__DB_TYPE=mysql': 'mysql',
    'GITEA__database__DB_TYPE=mssql': 'server',
    'GITEA__database__DB_TYPE=sqlite3': 'sqlite',
    'DB_TYPE=postgres': 'postgres',
    '/etc/gitea/app.ini: [server]\nX = 1\n[database]\nDB_TYPE = postgres\n': 'postgres',
  }),
  row('Forgejo', 'codeberg.org/forgejo/forgejo:13', 'sqlite', {
    'FORGEJO__database__DB_TYPE=postgres': 'postgres',
  }),
  row('GitBucket', 'gitbucket/gitbucket:4', 'file', {
    'GITBUCKET_DB_URL=jdbc:postgresql://db/x': 'postgres',
  }),
  row('Woodpecker', 'woodpeckerci/woodpecker-server:v3', 'sqlite', {
    'WOODPECKER_DATABASE_DRIVER=postgres': 'postgres',
  }),
  row('Crow CI', 'codeberg.org/crowci/crow-server:v4', 'sqlite', {
    'CROW_DATABASE_DRIVER=postgres': 'postgres',
  }),
  row('Vela', 'target/vela-server:v0.26', 'sqlite', {
    'VELA_DATABASE_DRIVER=postgres': 'postgres',
  }),
  row('Drone', 'drone/drone:2', 'sqlite', { 'DRONE_DATABASE_DRIVER=postgres': 'postgres' }),
  row('SonarQube', 'sonarqube:25-community', 'file', {
    'SONAR_JDBC_URL=jdbc:postgresql://db/sonar': 'postgres',
  }),
  row('n8n', 'docker.n8n.io/n8nio/n8n:1.120', 'sqlite', {
    'DB_TYPE=postgresdb': 'postgres',
    'DB_TYPE=sqlite': 'sqlite',
  }),
  row('Open WebUI', 'ghcr.io/open-webui/open-webui:v0.6', 'sqlite', {
    'DATABASE_URL=postgresql://db/x': 'postgres',
  }),
  row('pgAdmin', 'dpage/pgadmin4:9', 'sqlite', {
    'PGADMIN_CONFIG_CONFIG_DATABASE_URI=postgresql://db/x': 'postgres',
    "PGADMIN_CONFIG_CONFIG_DATABASE_URI='postgresql://db/x'": 'postgres',
  }),
  row('Metabase', 'metabase/metabase:v0.56', 'file', { 'MB_DB_TYPE=postgres': 'postgres' }),
  row('Shlink', 'shlinkio/shlink:4', 'sqlite', {
    'DB_DRIVER=postgres': 'postgres',
    'DB_DRIVER=maria': 'unknown',
  }),
  row('Plausible', 'ghcr.io/plausible/community-edition:v3', 'postgres', {
    'DATABASE_URL=postgres://db/x': 'postgres',
  }),
  row('k3s', 'rancher/k3s:v1.34.1-k3s1', 'sqlite', {
    '--datastore-endpoint=postgres://db/kine': 'postgres',
    '--cluster-init': 'server',
    'K3S_DATASTORE_ENDPOINT=https://etcd:2379': 'server',
    'K3S_CLUSTER_INIT=true': 'server',
  }),
  row('Nextcloud', 'nextcloud:31-apache', 'sqlite', {
    'POSTGRES_HOST=postgres': 'postgres',
    'MYSQL_HOST=mariadb': 'mysql',
    'SQLITE_DATABASE=nextcloud': 'sqlite',
  }),
  row('Nextcloud', 'lscr.io/linuxserver/nextcloud:31.0.5', 'sqlite'),
  row('Paperless-ngx', 'ghcr.io/paperless-ngx/paperless-ngx:2.19', 'sqlite', {
    'PAPERLESS_DBENGINE=postgresql': 'postgres',
    'PAPERLESS_DBENGINE=mariadb': 'mysql',
    'PAPERLESS_DBHOST=db': 'postgres',
  }),
  row('linkding', 'sissbruecker/linkding:1.44', 'sqlite', { 'LD_DB_ENGINE=postgres': 'postgres' }),
  row('Memos', 'neosmemo/memos:0.25', 'sqlite', {
    'MEMOS_DRIVER=postgres': 'postgres',
    '--driver mysql': 'mysql',
  }),
  row('Karakeep', 'ghcr.io/karakeep-app/karakeep:0.28', 'sqlite'),
  row('Papra', 'ghcr.io/papra-hq/papra:0.9', 'sqlite', {
    'DATABASE_URL=file:/app/app-data/db/db.sqlite': 'sqlite',
  }),
  row('wallabag', 'wallabag/wallabag:2.6', 'sqlite', {
    'SYMFONY__ENV__DATABASE_DRIVER=pdo_pgsql': 'postgres',
  }),
  row('FreshRSS', 'freshrss/freshrss:1.27', 'sqlite'),
  row('Miniflux', 'miniflux/miniflux:2.2', 'postgres', {
    'DATABASE_URL=postgres://db/x': 'postgres',
  }),
  row('Joplin Server', 'joplin/server:3', 'sqlite', { 'DB_CLIENT=pg': 'postgres' }),
  row('Synapse', 'ghcr.io/element-hq/synapse:v1.140', 'sqlite', {
    '/data/homeserver.yaml: x: 1\ndatabase:\n  name: psycopg2\n  args: {}\n': 'postgres',
    '/data/homeserver.yaml: database:\n  # local\n  name: sqlite3\n': 'sqlite',
  }),
  row('conduwuit', 'ghcr.io/girlbossceo/conduwuit:v0.5', 'file'),
  row('Ghost', 'ghost:6', 'mysql', {
    'database__client=sqlite3': 'sqlite',
    'NODE_ENV=development': 'sqlite',
  }),
  row('Drupal', 'drupal:11', 'unknown'),
  row('Redmine', 'redmine:6', 'sqlite', {
    'REDMINE_DB_POSTGRES=db': 'postgres',
    'REDMINE_DB_MYSQL=db': 'mysql',
  }),
  row('Directus', 'directus/directus:11', 'unknown', {
    'DB_CLIENT=pg': 'postgres',
    'DB_CLIENT=sqlite3': 'sqlite',
  }),
  row('NocoDB', 'nocodb/nocodb:0.265', 'sqlite', {
    'NC_DB=pg://db:5432?u=x': 'postgres',
    'NC_DB_JSON={"client":"pg"}': 'server',
  }),
  row('Home Assistant', 'ghcr.io/home-assistant/home-assistant:2026.11', 'sqlite', {
    '/config/configuration.yaml: recorder:\n  db_url: postgresql://db/ha\n': 'postgres',
    '/config/configuration.yaml: recorder:\n  purge_keep_days: 5\n': 'sqlite',
  }),
  row('Homebox', 'ghcr.io/sysadminsmedia/homebox:0.21', 'sqlite', {
    'HBOX_DATABASE_DRIVER=postgres': 'postgres',
  }),
  row('Mealie', 'ghcr.io/mealie-recipes/mealie:v3', 'sqlite', {
    'DB_ENGINE=postgres': 'postgres',
    'POSTGRES_URL_OVERRIDE=postgresql://x': 'postgres',
  }),
  row('Tandoor', 'vabene1111/recipes:2', 'postgres', {
    'DB_ENGINE=django.db.backends.sqlite3': 'sqlite',
    'DATABASE_URL=sqlite:////opt/recipes/db.sqlite3': 'sqlite',
  }),
  row('Vikunja', 'vikunja/vikunja:1', 'sqlite', { 'VIKUNJA_DATABASE_TYPE=postgres': 'postgres' }),
  row('Donetick', 'donetick/donetick:v0.1', 'sqlite', { 'DT_DATABASE_TYPE=postgres': 'postgres' }),
  row('KitchenOwl', 'tombursch/kitchenowl:v0.7', 'sqlite', { 'DB_DRIVER=postgresql': 'postgres' }),
  row('Firefly III', 'fireflyiii/core:version-6.4', 'unknown', {
    'DB_CONNECTION=pgsql': 'postgres',
    'DB_CONNECTION=sqlite': 'sqlite',
  }),
  row('Actual Budget', 'actualbudget/actual-server:25', 'sqlite'),
  row('Homarr', 'ghcr.io/homarr-labs/homarr:v1', 'sqlite', {
    'DB_DRIVER=better-sqlite3': 'sqlite',
    'DB_DRIVER=mysql2': 'mysql',
  }),
  ...['Sonarr', 'Radarr', 'Lidarr', 'Prowlarr', 'Readarr', 'Whisparr'].map((name) =>
    row(name, `ghcr.io/home-operations/${name.toLowerCase()}:4.0`, 'sqlite', {
      [`${name}__Postgres__Host=db`]: 'postgres',
      [`${name.toUpperCase()}__POSTGRES__HOST=db`]: 'postgres',
      '/config/config.xml: <Config><PostgresHost>db=x host=db</PostgresHost></Config>': 'sqlite',
    }),
  ),
  row('Bazarr', 'lscr.io/linuxserver/bazarr:1.5', 'sqlite', {
    'POSTGRES_ENABLED=true': 'postgres',
    'POSTGRES_ENABLED=false': 'sqlite',
  }),
  row('Jellyseerr', 'fallenbagel/jellyseerr:2.7', 'sqlite', { 'DB_TYPE=postgres': 'postgres' }),
  row('Overseerr', 'sctx/overseerr:1.34', 'sqlite'),
  row('Jellyfin', 'jellyfin/jellyfin:10.11', 'sqlite'),
  row('Plex', 'plexinc/pms-docker:1.42', 'sqlite'),
  row('Emby', 'emby/embyserver:4.9', 'sqlite'),
  row('Tautulli', 'ghcr.io/tautulli/tautulli:v2', 'sqlite'),
  row('Navidrome', 'deluan/navidrome:0.58', 'sqlite'),
  row('Audiobookshelf', 'ghcr.io/advplyr/audiobookshelf:2', 'sqlite'),
  row('Kavita', 'jvmilazz0/kavita:0.8', 'sqlite'),
  row('Calibre-Web', 'lscr.io/linuxserver/calibre-web:0.6', 'sqlite'),
  row('Komga', 'gotson/komga:1', 'sqlite'),
  row('Frigate', 'ghcr.io/blakeblackshear/frigate:0.16', 'sqlite'),
  row('Immich', 'ghcr.io/immich-app/immich-server:v2', 'postgres', {
    'DB_HOSTNAME=db': 'postgres',
  }),
  row('Photoview', 'photoview/photoview:2', 'unknown', {
    'PHOTOVIEW_DATABASE_DRIVER=sqlite': 'sqlite',
    'PHOTOVIEW_DATABASE_DRIVER=postgres': 'postgres',
  }),
  row('PiGallery2', 'bpatrik/pigallery2:2', 'sqlite', { 'Database-type=mysql': 'mysql' }),
  row('Grafana', 'grafana/grafana:12', 'sqlite', {
    'GF_DATABASE_TYPE=postgres': 'postgres',
    'GF_DATABASE_URL=mysql://db/x': 'mysql',
    '/etc/grafana/grafana.ini: [server]\ntype = x\n[database]\ntype = postgres\n': 'postgres',
    '/etc/grafana/grafana.ini: [remote_cache]\ntype = redis\n': 'sqlite',
  }),
  row('Loki', 'grafana/loki:3.5', 'file', {
    '/etc/loki/config.yaml: compactor:\n  delete_request_store_db_type: sqlite\n': 'sqlite',
  }),
  row('Uptime Kuma', 'louislam/uptime-kuma:2.0', 'sqlite', {
    'UPTIME_KUMA_DB_TYPE=mariadb': 'mysql',
    'UPTIME_KUMA_DB_TYPE=embedded-mariadb': 'file',
  }),
  row('Uptime Kuma 1', 'louislam/uptime-kuma:1.23', 'sqlite', {
    'UPTIME_KUMA_DB_TYPE=mariadb': 'sqlite',
  }),
  row('Vaultwarden', 'vaultwarden/server:1.34', 'sqlite', {
    'DATABASE_URL=postgresql://x@db/x': 'postgres',
    'DATABASE_URL=mysql://x@db/x': 'mysql',
    'DATABASE_URL=data/vault': 'sqlite',
  }),
  row('Authelia', 'authelia/authelia:4.39', 'unknown', {
    'AUTHELIA_STORAGE_POSTGRES_ADDRESS=tcp://db': 'postgres',
    'AUTHELIA_STORAGE_MYSQL_ADDRESS=tcp://db': 'mysql',
    'AUTHELIA_STORAGE_LOCAL_PATH=/config/db.sqlite3': 'sqlite',
    '/config/configuration.yml: storage:\n  encryption_key: x\n  postgres:\n    address: x\n':
      'postgres',
    "/config/configuration.yml: storage:\n  local:\n    path: '/config/db.sqlite3'\n": 'sqlite',
  }),
  row('authentik', 'ghcr.io/goauthentik/server:2025.10', 'postgres', {
    'AUTHENTIK_POSTGRESQL__HOST=db': 'postgres',
  }),
  row('Keycloak', 'quay.io/keycloak/keycloak:26', 'file', {
    'KC_DB=postgres': 'postgres',
    'KC_DB=dev-file': 'file',
    '--db=postgres': 'postgres',
  }),
  row('LLDAP', 'lldap/lldap:v0.6', 'sqlite', {
    'LLDAP_DATABASE_URL=postgres://db/x': 'postgres',
    'LLDAP_DATABASE_URL=sqlite:///data/users.db?mode=rwc': 'sqlite',
  }),
  row('Pocket ID', 'ghcr.io/pocket-id/pocket-id:v1', 'sqlite', {
    'DB_CONNECTION_STRING=postgres://db/x': 'postgres',
    'DB_CONNECTION_STRING=data/pocket-id.db': 'sqlite',
    'DB_PROVIDER=postgres': 'sqlite',
  }),
  row('Tinyauth', 'ghcr.io/steveiliop56/tinyauth:v4', 'sqlite'),
  row('Headscale', 'headscale/juanfont/headscale:0.27', 'sqlite', {
    'HEADSCALE_DATABASE_TYPE=postgres': 'postgres',
    '/etc/headscale/config.yaml: database:\n  # kind\n  type: postgres\n': 'postgres',
    '/etc/headscale/config.yaml: db_type: sqlite3\n': 'sqlite',
  }),
  row('NetBird', 'netbirdio/management:0.59', 'sqlite', {
    'NETBIRD_STORE_ENGINE=postgres': 'postgres',
  }),
  row('Nginx Proxy Manager', 'jc21/nginx-proxy-manager:2', 'sqlite', {
    'DB_ENGINE=postgres': 'postgres',
    'DB_MYSQL_HOST=db': 'mysql',
    'DB_POSTGRES_HOST=db': 'postgres',
  }),
  row('Gotify', 'gotify/server:2.7', 'sqlite', { 'GOTIFY_DATABASE_DIALECT=postgres': 'postgres' }),
  row('ntfy', 'binwiederhier/ntfy:v2', 'sqlite'),
  row('Gatus', 'ghcr.io/twin/gatus:v5', 'memory', {
    '/config/config.yaml: storage:\n  path: /data/x.db\n  type: sqlite\n': 'sqlite',
    '/config/config.yaml: storage:\n  type: postgres\n': 'postgres',
  }),
  row('Speedtest Tracker', 'lscr.io/linuxserver/speedtest-tracker:1', 'sqlite', {
    'DB_CONNECTION=pgsql': 'postgres',
  }),
  row('Scrutiny', 'ghcr.io/analogj/scrutiny:v0.8-omnibus', 'sqlite'),
  row('Healthchecks', 'healthchecks/healthchecks:v3', 'sqlite', { 'DB=postgres': 'postgres' }),
  row('CrowdSec', 'crowdsecurity/crowdsec:v1.7', 'sqlite', {
    '/etc/crowdsec/config.yaml: db_config:\n  log_level: info\n  type: postgresql\n': 'postgres',
  }),
  row('Pi-hole', 'pihole/pihole:2025.10', 'sqlite'),
  row('AdGuard Home', 'adguard/adguardhome:v0.107', 'file'),
  row('Portainer', 'portainer/portainer-ce:2.33', 'file'),
  row('File Browser', 'filebrowser/filebrowser:v2', 'file'),
];

function judged(image: string, setting?: string): { readonly name: string; readonly kind: string } {
  const isFile = setting?.startsWith('/') === true;
  const [path = '', ...text] = (setting ?? '').split(': ');
  const [variable = '', ...rest] = (setting ?? '').split('=');
  const isArgument = setting?.startsWith('--') === true;
  const hasVariable = setting !== undefined && !isFile && !isArgument;
  const container: Inputs = {
    name: 'app',
    image,
    args: isArgument ? setting.split(' ') : [],
    env: hasVariable ? [{ name: variable, value: rest.join('=') }] : [],
    volumeMounts: isFile ? [{ name: 'config', mountPath: path, subPath: 'file' }] : [],
  };
  const volumes = [{ name: 'config', configMap: { name: 'config' } }];
  const resources = [
    object('apps/v1:Deployment', 'apps/app', {
      spec: { template: { spec: { containers: [container], volumes } } },
    }),
    object('core/v1:ConfigMap', 'apps/config', { data: { file: text.join(': ') } }),
  ];
  const world = World.of(resources, { classes: {} });
  const workload = world.workloads[0];
  const only = workload?.containers[0];
  if (workload === undefined || only === undefined) throw new Error('no container was declared');
  const application = applicationOf(only, applications);
  if (application === undefined) return { name: 'none', kind: 'none' };
  const { kind } = databaseChoiceOf({ world, workload, container: only }, application);
  return { name: application.name, kind };
}

describe('table of applications', () => {
  for (const { application, image, byDefault, choices } of rows) {
    it(`knows ${application} by ${image}, whose default is ${byDefault}`, () => {
      deepEqual(judged(image), { name: application, kind: byDefault });
    });
    for (const [setting, kind] of Object.entries(choices ?? {})) {
      it(`answers ${kind} for ${application} when ${JSON.stringify(setting)} is set`, () => {
        deepEqual(judged(image, setting), { name: application, kind });
      });
    }
  }

  it('has a test for every row', () => {
    const tested = new Set(rows.map((item) => item.application));
    const untested = applications.filter((item) => !tested.has(item.name));
    deepEqual(
      untested.map((item) => item.name),
      [],
    );
  });

  it('names a file or a server for every row', () => {
    const neither = applications.filter(
      (item) => item.files.length === 0 && item.serverHint === undefined,
    );
    deepEqual(neither, []);
  });
});

describe('databaseKindOf', () => {
  const kinds: readonly (readonly [string, string | undefined])[] = [
    ['sqlite+aiosqlite:///x.db', 'sqlite'],
    ['file:/data/local.db', 'sqlite'],
    ['postgresql+asyncpg://db/x', 'postgres'],
    ['jdbc:mariadb://db/x', 'mysql'],
    ['jdbc:h2:/data/x', 'file'],
    ['host=db user=x', 'postgres'],
    ['/data/app.sqlite3', 'sqlite'],
    ['bolt', 'file'],
    ['maria', undefined],
    ['', undefined],
  ];
  for (const [text, kind] of kinds) {
    it(`answers ${String(kind)} when the text is "${text}"`, () => {
      deepEqual(databaseKindOf(text), kind);
    });
  }
});

describe('databaseFileOf', () => {
  const files: readonly (readonly [string, string | undefined])[] = [
    ['sqlite:////data/x.db?mode=rwc', '/data/x.db'],
    ['sqlite:///x.db', undefined],
    ['file:/data/x.db', '/data/x.db'],
    ['/data/x.db', '/data/x.db'],
    ['data/x.db', undefined],
  ];
  for (const [text, file] of files) {
    it(`answers ${String(file)} when the text is "${text}"`, () => {
      deepEqual(databaseFileOf(text), file);
    });
  }
});
