# The server's image: no database in it, so it needs DATABASE_URL (and REDIS_URL for more than one), and JWT_SECRET.
# Runs as a user without rights, writes nothing: `docker run --read-only --tmpfs /tmp` is fine.
FROM oven/bun:1.4.4-alpine AS packages
WORKDIR /app
COPY package.json bun.lock bunfig.toml ./
COPY src/db/postgres@3.4.9.patch src/db/
# Without install scripts: only the embedded Postgres has one, and it stays outside.
RUN bun install --frozen-lockfile --production --ignore-scripts \
&

FROM oven/bun:1.4.4-alpine
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY drizzle drizzle
COPY src src
RUN printf '#!/bin/sh\nexec bun /app/src/cli.ts "$@"\n' > /usr/local/bin/parlour && chmod 755 /usr/local/bin/parlour
USER bun
EXPOSE 3000
# With HOSTS set the server answers for no other name, so the check gives the first of them.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD wget -q -O /dev/null ${HOSTS:+--header "Host: ${HOSTS%%,*}"} "http://127.0.0.1:${PORT}/livez" || exit 1
ENTRYPOINT ["parlour"]
CMD ["serve"]
