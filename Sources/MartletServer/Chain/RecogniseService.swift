// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import NIOCore

/// Finds the service that a request is for: by `X-Amz-Target`, the credential scope, the host name, the path, and at
/// last `Action` and `Version` in the query.
struct RecogniseService: ChainStep {
    let services: ServiceIndex

    func run(_ exchange: Exchange) throws {
        let request = exchange.request
        let host = ServiceHost(request.host)
        exchange.hostRegion = host?.region
        exchange.claim = PresentedCredential(of: request.signable)
        let named = exchange.claim?.service
        // An unsigned form names its service by `Action` and `Version` alone; small bodies are here already.
        var peek = exchange.wireRequest
        if case .buffer(let body) = request.body { peek.body = .buffer(body) }
        guard let found = services.find(peek, scope: named, host: host) else {
            throw unknown(named ?? host?.prefix ?? request.headers[.amzTarget])
        }
        let codec = found.router.codec(for: peek)
        exchange.service = Exchange.Service(
            entry: found.entry,
            router: found.router,
            codec: codec,
            operation: codec.wireProtocol == .query ? nil : found.router.known(peek, codec)
        )
    }

    /// AWS has some four hundred services: whatever a client signs for is taken to be one of them.
    private func unknown(_ service: String?) -> CommonError {
        guard let service, !service.isEmpty else {
            return CommonError(
                "UnknownOperationException",
                "No service answers this request. Sign it, or name the service in the host name; "
                    + "/_martlet/health lists the services that run.",
                status: 404
            )
        }
        return .notImplemented("the service \(service)")
    }
}

/// A host name that names a service: `lambda.eu-west-1.amazonaws.com`, `lambda.eu-west-1.localhost`,
/// `lambda.localhost`.
struct ServiceHost: Equatable {
    let prefix: String
    let region: Region?

    init?(_ host: String) {
        // An address, or a name without a dot: nothing to take apart.
        guard host.utf8.last.map({ !(0x30...0x39).contains($0) }) == true, host.utf8.contains(0x2e) else { return nil }
        let labels = host.split(separator: ".")
        guard labels.count >= 2, let prefix = labels.first, host.last.map({ !$0.isNumber }) == true,
            prefix != "localhost"
        else { return nil }
        let second = String(labels[1])
        let hasRegion = second.split(separator: "-").count >= 3
        self.prefix = String(prefix)
        region = hasRegion ? Region(second) : nil
        guard hasRegion || Self.homes.contains(labels[1...].joined(separator: ".")) else { return nil }
    }

    /// Where a service's name may stand without a region.
    private static let homes: Set<String> = ["localhost", "amazonaws.com", "localhost.localstack.cloud"]
}

/// The services by everything that a request may call them by. Built once.
struct ServiceIndex: Sendable {
    struct Found: Sendable {
        let entry: ServiceDispatcher.Entry
        let router: ServiceRouter
    }

    private let all: [Found]
    private let byTarget: [String: Found]
    private let bySigningName: [String: Found]
    private let byHostPrefix: [String: Found]

    init(_ dispatcher: ServiceDispatcher) {
        all = dispatcher.services.values
            .sorted { $0.model.name < $1.model.name }
            .map { Found(entry: $0, router: ServiceRouter($0.provider)) }
        var (byTarget, bySigningName, byHostPrefix) = ([String: Found](), [String: Found](), [String: Found]())
        for found in all {
            if let prefix = found.entry.model.targetPrefix { byTarget[prefix] = found }
            bySigningName[found.entry.model.signingName] = found
            byHostPrefix[found.entry.model.endpointPrefix] = found
        }
        (self.byTarget, self.bySigningName, self.byHostPrefix) = (byTarget, bySigningName, byHostPrefix)
    }

    func find(_ request: WireRequest, scope: String?, host: ServiceHost?) -> Found? {
        if let target = request.headers[.amzTarget], let dot = target.utf8.lastIndex(of: 0x2e),
            let found = byTarget[String(target[..<dot])]
        {
            return found
        }
        if let scope { return bySigningName[scope] }
        if let host, let found = byHostPrefix[host.prefix] { return found }
        return all.first { $0.serves(request) }
    }
}

extension ServiceIndex.Found {
    /// Whether an unsigned request without a telling host name can only be meant for this service.
    func serves(_ request: WireRequest) -> Bool {
        let codec = router.codec(for: request)
        switch codec.wireProtocol {
        case .restJSON: return router.hasRoute(for: request, codec)
        case .query:
            return request.form.contains("Version=\(router.model.apiVersion)") && router.hasRoute(for: request, codec)
        case .json10, .json11: return false
        }
    }
}

extension ServiceRouter {
    fileprivate func known(_ request: WireRequest, _ codec: any WireCodec) -> Operation? {
        do throws(CommonError) {
            return try operation(for: request, speaking: codec)
        } catch {
            // An unknown operation is reported by its own step, after authentication.
            return nil
        }
    }

    /// Whether it knows the operation, be it implemented or not.
    fileprivate func hasRoute(for request: WireRequest, _ codec: any WireCodec) -> Bool {
        do throws(CommonError) {
            _ = try operation(for: request, speaking: codec)
            return true
        } catch {
            return error.httpStatus == 501
        }
    }
}

extension WireRequest {
    /// The parameters of a Query request, wherever they are.
    fileprivate var form: String {
        guard query.isEmpty, case .buffer(let buffer) = body else { return query }
        return String(buffer: buffer)
    }
}
