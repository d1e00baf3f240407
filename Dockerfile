# syntax=docker/dockerfile:1

# Compiles the sources. Install scripts are off: nothing of what is installed needs one.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY apps/agent/package.json ./apps/agent/
COPY apps/analytics/package.json ./apps/analytics/
COPY apps/delivery/package.json ./apps/delivery/
COPY apps/functions/package.json ./apps/functions/
COPY apps/kinesis/package.json ./apps/kinesis/
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && rm -rf dist/bench dist/examples dist/scripts dist/.tsbuildinfo
# Of an app, what it is when it runs.
RUN for app in apps/*; do mkdir -p shipped/$app && cp -r $app/package.json $app/dist shipped/$app && rm -f shipped/$app/dist/.tsbuildinfo; done

# What runs: the packages that are needed for it, and nothing to compile with.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY apps/agent/package.json ./apps/agent/
COPY apps/analytics/package.json ./apps/analytics/
COPY apps/delivery/package.json ./apps/delivery/
COPY apps/functions/package.json ./apps/functions/
COPY apps/kinesis/package.json ./apps/kinesis/
RUN npm ci --ignore-scripts --omit=dev

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production \
    MILLRACE_DATA_DIR=/data \
    MILLRACE_HOST=0.0.0.0 \
    MILLRACE_ADMIN_HOST=0.0.0.0 \
    MILLRACE_LOG_FORMAT=json
COPY --from=packages /app/node_modules ./node_modules
COPY --from=packages /app/apps ./apps
COPY --from=build /app/shipped/apps ./apps
COPY --from=build /app/dist ./dist
COPY package.json LICENSE README.md CHANGELOG.md ./
COPY cli/millrace.js ./cli/millrace.js
RUN ln -s /app/cli/millrace.js /usr/local/bin/millrace \
 && mkdir /data && chown node:node /data
USER node
# A named volume takes its owner from here; a bind mount must belong to user 1000.
VOLUME /data
# Clients, the first shard host, health and metrics. More hosts: 7402 and so on.
EXPOSE 7400 7401 7480
# The daemon drains on SIGTERM within MILLRACE_DRAIN_TIMEOUT, 10 s by default: stop with a longer timeout than that.
STOPSIGNAL SIGTERM
# With TLS it asks by https, whoever signed the certificate: it asks the container itself, and tells it nothing.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const { MILLRACE_TLS_DIR: tls, MILLRACE_ADMIN_PORT: port = 7480 } = process.env; require(tls ? 'https' : 'http').get({ host: '127.0.0.1', port, path: '/healthz', rejectUnauthorized: false }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["node", "/app/cli/millrace.js"]
CMD ["serve"]
