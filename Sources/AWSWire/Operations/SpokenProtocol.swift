// SPDX-License-Identifier: Apache-2.0
import HTTPTypes

extension WireProtocol {
    /// The protocol that a request speaks, among those of the service.
    static func spoken(in request: WireRequest, of model: ServiceModel) -> WireProtocol? {
        let type = request.headers[.contentType].map { $0.prefix { $0 != ";" }.lowercased() } ?? ""
        let json: WireProtocol? =
            switch type {
            case "application/x-amz-json-1.0": .json10
            case "application/x-amz-json-1.1": .json11
            default: nil
            }
        if let json, model.protocols.contains(json) { return json }
        if request.headers[.amzTarget] != nil,
            let any = model.protocols.first(where: { $0 == .json10 || $0 == .json11 })
        {
            return any
        }
        let isForm =
            type == "application/x-www-form-urlencoded"
            || (request.method == "GET" && request.query.contains("Action="))
        if isForm, model.protocols.contains(.query) { return .query }
        return model.protocols.contains(.restJSON) ? .restJSON : nil
    }
}
