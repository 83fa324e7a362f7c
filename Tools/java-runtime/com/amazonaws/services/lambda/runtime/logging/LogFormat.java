// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.runtime.logging;

/** How records look. */
public enum LogFormat {
    JSON,
    TEXT;

    public static LogFormat fromString(String text) {
        try {
            return valueOf(text.toUpperCase(java.util.Locale.ROOT));
        } catch (Exception error) {
            throw new IllegalArgumentException("Invalid log format: '" + text + "' expected one of [JSON, TEXT]");
        }
    }
}
