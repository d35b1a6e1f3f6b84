/** drizzle-kit's settings: `bun run db:generate` writes a migration from src/db/schema.ts, to be read by a person before it is committed. */
import { defineConfig } from 'drizzle-kit';

export default defineConfig({ dialect: 'postgresql', schema: './src/db/schema.ts', out: './drizzle' });
