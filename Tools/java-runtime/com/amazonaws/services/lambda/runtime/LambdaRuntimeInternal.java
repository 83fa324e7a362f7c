// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.runtime;

/** Where AWS's Log4j appender asks for the request id to be kept in Log4j's context. */
public final class LambdaRuntimeInternal {
    private static boolean useLog4jAppender;

    private LambdaRuntimeInternal() {}

    public static void setUseLog4jAppender(boolean use) {
        useLog4jAppender = use;
    }

    public static boolean getUseLog4jAppender() {
        return useLog4jAppender;
    }
}
