// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.crac;

import java.util.ArrayList;
import java.util.List;

/** Where resources register. `org.crac` finds it by the system property `org.crac.Core.Compat`, as on AWS. */
public final class Core {
    private static final Context<Resource> GLOBAL = new Registry();

    private Core() {}

    public static Context<Resource> getGlobalContext() {
        return GLOBAL;
    }

    /** Only the platform takes snapshots. */
    public static void checkpointRestore() {
        throw new UnsupportedOperationException();
    }

    /** Before the snapshot the last one first; after it in the order of registration. */
    private static final class Registry extends Context<Resource> {
        private final List<Resource> resources = new ArrayList<>();

        @Override
        public synchronized void register(Resource resource) {
            resources.add(resource);
        }

        private synchronized List<Resource> registered() {
            return new ArrayList<>(resources);
        }

        @Override
        public void beforeCheckpoint(Context<? extends Resource> context) throws CheckpointException {
            CheckpointException failure = null;
            List<Resource> all = registered();
            for (int i = all.size() - 1; i >= 0; i--) {
                try {
                    all.get(i).beforeCheckpoint(this);
                } catch (Exception error) {
                    if (failure == null) failure = new CheckpointException();
                    failure.addSuppressed(error);
                }
            }
            if (failure != null) throw failure;
        }

        @Override
        public void afterRestore(Context<? extends Resource> context) throws RestoreException {
            RestoreException failure = null;
            for (Resource resource : registered()) {
                try {
                    resource.afterRestore(this);
                } catch (Exception error) {
                    if (failure == null) failure = new RestoreException();
                    failure.addSuppressed(error);
                }
            }
            if (failure != null) throw failure;
        }
    }
}
