// SPDX-License-Identifier: Apache-2.0
import HTTPTypes
package import MartletCore

/// Finds the protocol and the operation of a request to one service. Built once per service.
package final class ServiceRouter: Sendable {
    package let model: ServiceModel
    private let codecs: [any WireCodec]
    private let operations: [String: Operation]
    private let routes: RESTRoutes

    package init(_ model: ServiceModel, operations: [Operation]) {
        self.model = model
        self.codecs = model.protocols.map { model.codec($0) }
        self.operations = Dictionary(operations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.routes = model.protocols.contains(.restJSON) ? RESTRoutes(model, operations) : RESTRoutes()
    }

    package convenience init(_ provider: any ServiceProvider) {
        self.init(provider.model, operations: provider.operations)
    }

    /// The codec of the protocol that the request speaks, by its headers and its method. Where it speaks none of the
    /// service's, the most preferred one, so that there is always a form for an error. Looks at no body.
    package func codec(for request: WireRequest) -> any WireCodec {
        let spoken = WireProtocol.spoken(in: request, of: model)
        return codecs.first { $0.wireProtocol == spoken } ?? codecs.first ?? model.codec(.json11)
    }

    /// The operation that the request asks for. Throws 501 for one that Martlet does not implement, and AWS's error for an
    /// unknown one. For the Query protocol the body must have been collected.
    package func operation(for request: WireRequest, speaking codec: any WireCodec) throws(CommonError) -> Operation {
        switch codec.wireProtocol {
        case .restJSON: try restOperation(for: request)
        case .json10, .json11: try operation(named: targetName(of: request))
        case .query: try queryOperation(for: request)
        }
    }

    private func restOperation(for request: WireRequest) throws(CommonError) -> Operation {
        switch routes.match(method: request.method, path: request.path, query: request.query) {
        case .operation(let operation): return operation
        case .unimplemented(let name): throw model.unknown(name)
        case nil: throw model.unknown("")
        }
    }

    private func targetName(of request: WireRequest) throws(CommonError) -> String {
        guard let target = request.headers[.amzTarget], let dot = target.lastIndex(of: ".") else {
            throw model.unknown("")
        }
        guard model.targetPrefix == nil || target[..<dot] == model.targetPrefix ?? "" else { throw model.unknown("") }
        return String(target[target.index(after: dot)...])
    }

    private func queryOperation(for request: WireRequest) throws(CommonError) -> Operation {
        let items = FormItems.of(request)
        guard let action = items.first("Action"), !action.isEmpty else {
            throw CommonError("MissingAction", "The request must contain the parameter Action.")
        }
        if let found = operations[action] { return found }
        if model.unimplemented.contains(where: { $0.name == action }) { throw model.unknown(action) }
        let version = items.first("Version") ?? model.apiVersion
        throw CommonError("InvalidAction", "Could not find operation \(action) for version \(version)")
    }

    private func operation(named name: String) throws(CommonError) -> Operation {
        guard let found = operations[name] else { throw model.unknown(name) }
        return found
    }
}
