// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.runtime;

/** Gives the log to code that has no context at hand. */
public final class LambdaRuntime {
    private static volatile LambdaLogger logger = new martlet.Log();

    private LambdaRuntime() {}

    public static LambdaLogger getLogger() {
        return logger;
    }
}
