// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.crac;

/** Resources could not go on after the snapshot; why is suppressed in it. */
public class RestoreException extends Exception {
    private static final long serialVersionUID = 1;

    public RestoreException() {}

    public RestoreException(String message) {
        super(message);
    }
}
