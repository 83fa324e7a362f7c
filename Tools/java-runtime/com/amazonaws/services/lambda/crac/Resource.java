// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.crac;

/** What wants to know of the snapshot: `org.crac` of a function's package passes its own resources on as such. */
public interface Resource {
    void beforeCheckpoint(Context<? extends Resource> context) throws Exception;

    void afterRestore(Context<? extends Resource> context) throws Exception;
}
