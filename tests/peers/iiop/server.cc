// A node: one object under the key `teller`, the same in every process that runs this.
// Usage: server NAME [ORB options]. It binds the object in the naming service, prints its reference, and serves
// until SIGTERM, when it takes leave of its clients.
#include <csignal>
#include <iostream>
#include "teller.hh"

class Teller_i : public POA_Teller {
  const char* name;
public:
  explicit Teller_i(const char* name) : name(name) {}
  char* node() override { return CORBA::string_dup(name); }
  char* echo(const char* text) override { return CORBA::string_dup(text); }
};

int main(int argc, char** argv) {
  sigset_t farewell;
  sigemptyset(&farewell);
  sigaddset(&farewell, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &farewell, nullptr);
  CORBA::ORB_var orb = CORBA::ORB_init(argc, argv);
  // The key of an object in this POA is what it is activated with, nothing of the process is in it.
  CORBA::Object_var found = orb->resolve_initial_references("omniINSPOA");
  PortableServer::POA_var poa = PortableServer::POA::_narrow(found);
  Teller_i teller(argv[1]);
  PortableServer::ObjectId_var key = PortableServer::string_to_ObjectId("teller");
  poa->activate_object_with_id(key, &teller);
  PortableServer::POAManager_var(poa->the_POAManager())->activate();
  CORBA::Object_var reference = poa->id_to_reference(key);
  found = orb->resolve_initial_references("NameService");
  CosNaming::Name name(1);
  name.length(1);
  name[0].id = CORBA::string_dup("teller");
  CosNaming::NamingContext_var(CosNaming::NamingContext::_narrow(found))->rebind(name, reference);
  std::cout << orb->object_to_string(reference) << std::endl;
  int signal;
  sigwait(&farewell, &signal);
  orb->destroy();
}
