// SPDX-License-Identifier: Apache-2.0
package martlet;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import java.util.HashMap;
import java.util.Map;

/** What a handler is told, from the headers of its invocation and the environment. */
final class LambdaContext implements Context, CognitoIdentity, ClientContext, Client {
    private final Map<String, String> headers;
    private final Map<?, ?> client;
    private final Map<?, ?> identity;

    LambdaContext(Map<String, String> headers) {
        this.headers = headers;
        client = object(headers.get("lambda-runtime-client-context"));
        identity = object(headers.get("lambda-runtime-cognito-identity"));
    }

    private static Map<?, ?> object(String text) {
        Object value = text == null || text.isEmpty() ? null : new JsonReader(text).read();
        return value instanceof Map ? (Map<?, ?>) value : null;
    }

    private static String variable(String name) {
        return System.getenv(name);
    }

    @Override
    public String getAwsRequestId() {
        return headers.get("lambda-runtime-aws-request-id");
    }

    @Override
    public String getLogGroupName() {
        return variable("AWS_LAMBDA_LOG_GROUP_NAME");
    }

    @Override
    public String getLogStreamName() {
        return variable("AWS_LAMBDA_LOG_STREAM_NAME");
    }

    @Override
    public String getFunctionName() {
        return variable("AWS_LAMBDA_FUNCTION_NAME");
    }

    @Override
    public String getFunctionVersion() {
        return variable("AWS_LAMBDA_FUNCTION_VERSION");
    }

    @Override
    public String getInvokedFunctionArn() {
        return headers.get("lambda-runtime-invoked-function-arn");
    }

    @Override
    public String getTenantId() {
        return headers.get("lambda-runtime-aws-tenant-id");
    }

    @Override
    public String getXrayTraceId() {
        return headers.get("lambda-runtime-trace-id");
    }

    @Override
    public CognitoIdentity getIdentity() {
        return this;
    }

    @Override
    public ClientContext getClientContext() {
        return client == null ? null : this;
    }

    @Override
    public int getRemainingTimeInMillis() {
        String deadline = headers.get("lambda-runtime-deadline-ms");
        long left = (deadline == null ? 0 : Long.parseLong(deadline)) - System.currentTimeMillis();
        return (int) Math.max(0, Math.min(left, Integer.MAX_VALUE));
    }

    @Override
    public int getMemoryLimitInMB() {
        String size = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
        return size == null ? 0 : Integer.parseInt(size);
    }

    @Override
    public LambdaLogger getLogger() {
        return LambdaRuntime.getLogger();
    }

    @Override
    public String toString() {
        return "LambdaContext{awsRequestId=" + getAwsRequestId() + ", functionName=" + getFunctionName() + "}";
    }

    // Identity

    @Override
    public String getIdentityId() {
        return text(identity, "cognitoIdentityId");
    }

    @Override
    public String getIdentityPoolId() {
        return text(identity, "cognitoIdentityPoolId");
    }

    // Client context

    @Override
    public Client getClient() {
        return client.get("client") instanceof Map ? this : null;
    }

    @Override
    public Map<String, String> getCustom() {
        return texts("custom");
    }

    @Override
    public Map<String, String> getEnvironment() {
        return texts("env");
    }

    @Override
    public String getInstallationId() {
        return clientText("installation_id");
    }

    @Override
    public String getAppTitle() {
        return clientText("app_title");
    }

    @Override
    public String getAppVersionName() {
        return clientText("app_version_name");
    }

    @Override
    public String getAppVersionCode() {
        return clientText("app_version_code");
    }

    @Override
    public String getAppPackageName() {
        return clientText("app_package_name");
    }

    private String clientText(String name) {
        return text((Map<?, ?>) client.get("client"), name);
    }

    private Map<String, String> texts(String name) {
        if (!(client.get(name) instanceof Map)) return null;
        Map<String, String> result = new HashMap<>();
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) client.get(name)).entrySet())
            result.put(String.valueOf(entry.getKey()), entry.getValue() == null ? null : entry.getValue().toString());
        return result;
    }

    private static String text(Map<?, ?> object, String name) {
        Object value = object == null ? null : object.get(name);
        return value == null ? null : value.toString();
    }
}
