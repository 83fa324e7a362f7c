// SPDX-License-Identifier: Apache-2.0
package com.amazonaws.services.lambda.runtime;

/** The Cognito identity on whose behalf the function was invoked. */
public interface CognitoIdentity {
    String getIdentityId();

    String getIdentityPoolId();
}
