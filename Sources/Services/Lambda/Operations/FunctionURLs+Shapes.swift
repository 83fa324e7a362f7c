// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

extension FunctionURL {
    /// Under the server's own name, so that it resolves: `*.localhost` does everywhere, an address has no subdomains.
    func address(seenFrom endpoint: Endpoint) -> String {
        let isNamed =
            endpoint.host.contains(".") && !endpoint.host.hasSuffix(".localhost") && !endpoint.host.contains(":")
            && !endpoint.host.utf8.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
        let host = isNamed ? endpoint.host : "localhost"
        return "\(endpoint.scheme)://\(id).lambda-url.\(scope.region).\(host):\(endpoint.port)/"
    }
}

extension FunctionURL.CrossOrigin {
    init(_ cors: Cors) {
        self.init(
            allowCredentials: cors.allowCredentials,
            allowHeaders: cors.allowHeaders,
            allowMethods: cors.allowMethods,
            allowOrigins: cors.allowOrigins,
            exposeHeaders: cors.exposeHeaders,
            maxAgeSeconds: cors.maxAge
        )
    }
}

extension Cors {
    init(_ cors: FunctionURL.CrossOrigin) {
        self.init(
            allowCredentials: cors.allowCredentials,
            allowHeaders: cors.allowHeaders,
            allowMethods: cors.allowMethods,
            allowOrigins: cors.allowOrigins,
            exposeHeaders: cors.exposeHeaders,
            maxAge: cors.maxAgeSeconds
        )
    }
}

extension FunctionUrlConfig {
    init(_ url: FunctionURL, _ endpoint: Endpoint) {
        self.init(
            functionUrl: url.address(seenFrom: endpoint),
            functionArn: url.functionARN.description,
            creationTime: url.created.lambdaText,
            lastModifiedTime: url.lastModified.lambdaText,
            cors: url.cors.map { Cors($0) },
            authType: FunctionUrlAuthType(url.authType),
            invokeMode: InvokeMode(url.invokeMode)
        )
    }
}

// Four shapes of the model say the same.

extension CreateFunctionUrlConfigOutput {
    init(_ config: FunctionUrlConfig) {
        self.init(
            functionUrl: config.functionUrl,
            functionArn: config.functionArn,
            authType: config.authType,
            cors: config.cors,
            creationTime: config.creationTime,
            invokeMode: config.invokeMode
        )
    }
}

extension GetFunctionUrlConfigOutput {
    init(_ config: FunctionUrlConfig) {
        self.init(
            functionUrl: config.functionUrl,
            functionArn: config.functionArn,
            authType: config.authType,
            cors: config.cors,
            creationTime: config.creationTime,
            lastModifiedTime: config.lastModifiedTime,
            invokeMode: config.invokeMode
        )
    }
}

extension UpdateFunctionUrlConfigOutput {
    init(_ config: FunctionUrlConfig) {
        self.init(
            functionUrl: config.functionUrl,
            functionArn: config.functionArn,
            authType: config.authType,
            cors: config.cors,
            creationTime: config.creationTime,
            lastModifiedTime: config.lastModifiedTime,
            invokeMode: config.invokeMode
        )
    }
}
